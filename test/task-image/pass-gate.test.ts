import { expect, test } from 'vitest';
import type { LogLine } from '../../policies/contract/run.ts';
import { problemOf } from '../../task-image/failure.ts';
import type { Finding } from '../../task-image/gate/finding.ts';
import { newMasker } from '../../task-image/masking/masker.ts';
import { passGate } from '../../task-image/pass-gate.ts';

const found = (line: number, differences: Partial<Finding> = {}): Finding => ({
  file: 'prod/vpc/main.tf',
  line,
  rule: 'external-data',
  what: 'data "external" "who"',
  why: 'runs a program while planning',
  fix: 'remove it',
  ...differences,
});

async function told(findings: readonly Finding[]) {
  const lines: LogLine[] = [];
  const line = async (one: LogLine): Promise<void> => void lines.push(one);
  const problem = await passGate({ line, masker: newMasker() }, findings, 'prod/vpc').then(() => undefined, problemOf);
  return { texts: lines.map(({ text }) => text), phases: new Set(lines.map(({ phase }) => phase)), problem };
}

test('says nothing where nothing was found', async () => {
  expect(await told([])).toEqual({ texts: [], phases: new Set(), problem: undefined });
});

test('tells every finding in columns, and ends with their number and the first fix', async () => {
  const { texts, phases, problem } = await told([found(3), found(114, { what: 'x', fix: 'ask' })]);
  expect(texts).toEqual([
    'prod/vpc/main.tf:3    data "external" "who"  external-data: runs a program while planning',
    '  fix: remove it',
    'prod/vpc/main.tf:114  x                      external-data: runs a program while planning',
    '  fix: ask',
  ]);
  expect(phases).toEqual(new Set(['gate']));
  expect(problem).toEqual({ code: 'E_GATE', message: 'the gate found 2 problems in prod/vpc', fix: 'remove it' });
});

test('counts what it does not tell', async () => {
  const { texts, problem } = await told(Array.from({ length: 60 }, (_, at) => found(at)));
  expect(texts.at(-1)).toBe('and 10 more');
  expect(problem?.message).toBe('the gate found 60 problems in prod/vpc');
});
