/** Tells what the gate has found, and ends the run where it has found anything. */
import type { Control } from './control.ts';
import { Failure } from './failure.ts';
import type { Finding } from './gate/finding.ts';

/** The rest is counted. */
const mostTold = 50;

export async function passGate(
  { line, masker }: Pick<Control, 'line' | 'masker'>,
  findings: readonly Finding[],
  path: string,
): Promise<void> {
  const [first] = findings;
  if (first === undefined) return;
  const told = findings.slice(0, mostTold).map(one => ({ ...one, place: `${one.file}:${one.line}` }));
  const width = (texts: readonly string[]): number => Math.max(...texts.map(text => text.length));
  const placeWidth = width(told.map(({ place }) => place));
  const whatWidth = width(told.map(({ what }) => what));
  const say = (text: string) => line({ phase: 'gate', text: masker.masked(text) });
  for (const { place, what, rule, why, fix } of told) {
    await say(`${place.padEnd(placeWidth)}  ${what.padEnd(whatWidth)}  ${rule}: ${why}`);
    await say(`  fix: ${fix}`);
  }
  if (findings.length > mostTold) await say(`and ${findings.length - mostTold} more`);
  const count = `${findings.length} problem${findings.length === 1 ? '' : 's'}`;
  throw new Failure('E_GATE', `the gate found ${count} in ${path}`, first.fix);
}
