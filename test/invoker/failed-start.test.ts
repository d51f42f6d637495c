import { describe, expect, test } from 'vitest';
import { afterFailedStart, inWords } from '../../invoker/failed-start.ts';
import type { NotStarted } from '../../invoker/ledger.ts';
import { cancel, claim, finish, type RunRecord, start } from '../../invoker/run.ts';
import { stateNames } from '../../policies/contract/run.ts';
import { value } from '../support/value.ts';
import { runIn, runningRun, startingRun, t0, ticketHash, times, tokenHash, workingRun } from './sample-run.ts';

const retryMs = 600_000;
const throttled = { failed: 'throttled', again: true } as const;
const restarted = (run: RunRecord, now: number) =>
  value(start(run, ticketHash, now, { worker: 'process', startMs: times.startMs }));
const failing = (run: RunRecord, now = t0, notStarted: NotStarted = throttled) =>
  afterFailedStart(run, run, notStarted, now, retryMs);

describe('a start that failed and may go well later', () => {
  test('puts the run back into the queue, with its path free and its ticket worthless', () => {
    const started = startingRun();
    const run = failing(started, t0 + 700);
    expect(run).toMatchObject({ state: 'queued', phase: 'queue', occupied: false, seq: started.seq });
    for (const gone of ['ticketHash', 'leaseUntil', 'startedAt', 'error', 'endedAt'])
      expect(run).not.toHaveProperty(gone);
    expect(run.timings).toMatchObject({ queue: 0, worker: 700 });
    expect(claim(run, { ticket: ticketHash, token: tokenHash }, t0, times)).toMatchObject({ ok: false });
  });

  test('is tried again after a wait that doubles up to a minute', () => {
    const waits: number[] = [];
    let [run, now] = [startingRun(), t0];
    for (let count = 1; count <= 7; count++) {
      run = failing(run, now);
      const { notBefore = 0 } = run.failedStarts ?? {};
      waits.push(notBefore - now);
      expect(run.failedStarts).toMatchObject({ count, since: t0 });
      now = notBefore;
      run = restarted(run, now);
    }
    expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  test('is tried for so long and no longer, from the first start on, and then fails in words', () => {
    const first = startingRun();
    expect(failing(first, t0 + retryMs - 5000).state).toBe('queued');
    const run = failing(restarted(failing(first), t0 + 5000), t0 + retryMs - 9999);
    expect(run).toMatchObject({
      state: 'failed',
      occupied: false,
      error: { code: 'E_WORKER_START', message: 'the worker could not be started, tried 2 times: throttled' },
    });
  });
});

describe('a start that others crowded out', () => {
  const crowded = { ...throttled, isCrowded: true } as const;

  test('costs no patience: what fails after it is tried for as long as a first start', () => {
    const late = t0 + 10 * retryMs;
    const waiting = failing(startingRun(), late, crowded);
    expect(waiting).toMatchObject({ state: 'queued', failedStarts: { count: 1, since: late, notBefore: late + 5000 } });
    expect(failing(restarted(waiting, late), late + retryMs - 10_000).state).toBe('queued');
    expect(failing(restarted(waiting, late), late + retryMs - 9999).state).toBe('failed');
  });
});

describe('a start that failed for good', () => {
  test('fails its run at once, with the reason in words', () => {
    expect(failing(startingRun(), t0, { failed: 'no such image' })).toMatchObject({
      state: 'failed',
      occupied: false,
      error: { code: 'E_WORKER_START', message: 'the worker could not be started: no such image' },
    });
  });
});

describe('a start that was thought to have failed', () => {
  const claimed = value(claim(startingRun(), { ticket: ticketHash, token: tokenHash }, t0, times));

  test.each([
    ['runs', claimed],
    ['works', workingRun()],
    ['has ended since', value(finish(claimed, { outcome: 'failed' }, t0))],
  ])('is left alone when its worker has come after all and %s', (_, run) => {
    for (const notStarted of [throttled, { failed: 'gone' }])
      expect(afterFailedStart(run, startingRun(), notStarted, t0, retryMs)).toBe(run);
    expect(run.occupied).toBe(true);
  });

  test('is left alone when another start is under way by now', () => {
    const again = { ...startingRun(), ticketHash: 'a later ticket' };
    expect(afterFailedStart(again, startingRun(), throttled, t0, retryMs)).toBe(again);
    const waiting = failing(startingRun());
    expect(afterFailedStart(waiting, startingRun(), throttled, t0, retryMs)).toBe(waiting);
  });

  test('leaves a run canceled that was canceled meanwhile, and frees its path', () => {
    const canceled = value(cancel(startingRun(), t0));
    expect(afterFailedStart(canceled, startingRun(), throttled, t0, retryMs)).toEqual({ ...canceled, occupied: false });
  });

  test.each(stateNames.filter(state => state !== 'starting'))('never makes a run that is %s wait again', state => {
    const run = runIn(state);
    const next = afterFailedStart(run, runningRun(), throttled, t0, retryMs);
    expect([next.state, next.failedStarts]).toEqual([state, undefined]);
  });
});

describe('what a platform said', () => {
  test.each([
    ['two\nlines\tand  a tab\r\n', 'two lines and a tab'],
    ['\u001b[31mred\u001b[0m \u001b]52;c;ZXZpbA==\u0007paste', 'red paste'],
    ['left\u202eright\u200b', 'leftright'],
    ['section_start:1:x', 'section-start:1:x'],
  ])('is told in one printable line: %j', (said, told) => expect(inWords(said)).toBe(told));

  test('is cut to a bounded length', () => {
    expect(inWords('x'.repeat(100_000))).toBe('x'.repeat(500));
    expect(inWords(`${' '.repeat(3999)}${'\u{1f600}'.repeat(10_000)}`).length).toBeLessThanOrEqual(500);
  });
});
