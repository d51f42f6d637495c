import { describe, expect, test } from 'vitest';
import { followProgress, type OutputCap } from '../../deployer-cli/progress.ts';
import type { LogLine, Phase, Run } from '../../policies/contract/run.ts';
import { withoutColour } from '../../policies/printable.ts';
import { applied, aRun, failed, planned, planning } from './run-fixture.ts';

const lines = (phase: Phase, ...texts: string[]): LogLine[] => texts.map(text => ({ phase, text }));

function shown(pages: readonly [Run, LogLine[]?][], verbose = false, cap?: OutputCap): string {
  const output: string[] = [];
  const put = (text: string) => void output.push(withoutColour(text));
  const progress = followProgress({ line: put, tool: put, status: () => {} }, verbose, cap);
  for (const [run, of = []] of pages) progress.see({ run, lines: of, cursor: '', pollMs: 0 });
  const last = pages.at(-1)?.[0];
  if (last?.endedAt) progress.end(last);
  return output.join('\n');
}

const initialising: Run = { ...planning, phase: 'init', timings: { queue: 12, worker: 210, source: 380 } };

const whole = `
✔ queued 0.0 s   ✔ worker 0.2 s   ✔ source 0.4 s (commit 0b497ce3)
▸ terraform init 0.1 s
▾ terraform plan
Plan: 2 to add`.trimStart();

describe('progress', () => {
  test('holds the output of init back', () => {
    expect(
      shown([
        [aRun()],
        [initialising, lines('init', 'Initializing the backend...')],
        [planning, lines('plan', 'Plan: 2 to add')],
        [planned],
      ]),
    ).toBe(whole);
  });

  test('is the same when everything comes at once', () => {
    expect(shown([[planned, [...lines('init', 'Initializing'), ...lines('plan', 'Plan: 2 to add')]]])).toBe(whole);
  });

  test('shows it when init fails', () => {
    const run: Run = { ...failed('E_INIT', 'no'), phase: 'init', timings: initialising.timings };
    expect(
      shown([
        [initialising, lines('init', 'Initializing the backend...')],
        [run, lines('init', 'Error: no')],
      ]),
    ).toBe(
      `
✔ queued 0.0 s   ✔ worker 0.2 s   ✔ source 0.4 s (commit 0b497ce3)
▾ terraform init
Initializing the backend...
Error: no`.trimStart(),
    );
  });

  test('shows it at once when asked to', () => {
    expect(
      shown(
        [
          [initialising, lines('init', 'Initializing')],
          [planning, lines('plan', 'Plan: 2')],
        ],
        true,
      ),
    ).toBe(
      `
✔ queued 0.0 s   ✔ worker 0.2 s   ✔ source 0.4 s (commit 0b497ce3)
▾ terraform init
Initializing
▾ terraform plan
Plan: 2`.trimStart(),
    );
  });

  test('does not show it when plan fails, since the reason is in the output of plan', () => {
    const output = shown([
      [planning, [...lines('init', 'Initializing'), ...lines('plan', 'Error: no')]],
      [failed('E_PLAN', 'no')],
    ]);
    expect(output).not.toContain('Initializing');
    expect(output).toContain('Error: no');
  });

  test('tells the place in the queue when it changes', () => {
    const waiting = (position: number) => aRun({ position, ahead: ['r_88ab', 'r_99cd'].slice(0, position) });
    expect(shown([[waiting(2)], [waiting(2)], [waiting(1)], [aRun({ position: 0 })]])).toBe(
      `
… queued: 2 runs of prod/vpc ahead, next to end: r_88ab
… queued: 1 run of prod/vpc ahead, next to end: r_88ab`.trimStart(),
    );
  });

  test('of an apply names the plan', () => {
    expect(shown([[applied, lines('apply', 'Apply complete!')]])).toBe(
      `
✔ queued 0.0 s   ✔ worker 0.2 s   ✔ source 0.4 s (commit 0b497ce3)
✔ plan r_planplanplanplanplanplan22 is of the same commit
▸ terraform init 0.1 s
▾ terraform apply
Apply complete!`.trimStart(),
    );
  });

  test('shows so much of the output, says once where the rest is, and then how the run ends', () => {
    const cap = { bytes: 8, marker: 'the rest is there' };
    const pages: [Run, LogLine[]?][] = [
      [planning, lines('plan', 'één')],
      [planning, lines('plan', 'x', 'y', 'z')],
      [planned],
    ];
    expect(shown(pages, false, cap).split('\n').slice(-3)).toEqual(['één', 'x', 'the rest is there']);
    expect(shown(pages).split('\n').slice(-3)).toEqual(['x', 'y', 'z']);
  });

  test('names the phase alone while the tool is not known', () => {
    const { tool: _, ...run } = planning;
    expect(shown([[run, lines('plan', 'x')]])).toContain('▾ plan\n');
  });
});
