import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstInLine, hasRoom, holds, pathOf, place, type Room } from '../../invoker/queue.ts';
import type { RunRecord } from '../../invoker/run.ts';
import { isLive, stateNames } from '../../policies/contract/run.ts';
import { runIn, type Sample, t0 } from './sample-run.ts';

const run = (id: string, path: string, state: RunRecord['state'] = 'queued', sample: Sample = {}): RunRecord =>
  runIn(state, { ...sample, id, path });
const ids = (runs: readonly RunRecord[]) => runs.map(({ id }) => id);

/** As the keeper does where every start goes well. */
function nextStarts(runs: readonly RunRecord[], room: Room, now: number): RunRecord[] {
  const busy = runs.filter(holds);
  return firstInLine(runs, now).filter(one => hasRoom(room, busy, one) && busy.push(one) > 0);
}

describe('what starts next', () => {
  test('starts the first of each path, in arrival order', () => {
    const runs = [run('a', 'prod/vpc'), run('b', 'prod/app'), run('c', 'prod/vpc')];
    expect(ids(nextStarts(runs, 9, t0))).toEqual(['a', 'b']);
  });

  test.each(['starting', 'running'] as const)('keeps a path to the run that is %s', state => {
    expect(nextStarts([run('a', 'prod/vpc', state), run('b', 'prod/vpc')], 9, t0)).toEqual([]);
  });

  test('keeps a path to a run that has ended until its worker is gone', () => {
    const ended = { ...run('a', 'prod/vpc', 'lost'), occupied: true };
    expect(nextStarts([ended, run('b', 'prod/vpc')], 9, t0)).toEqual([]);
    expect(ids(nextStarts([{ ...ended, occupied: false }, run('b', 'prod/vpc')], 9, t0))).toEqual(['b']);
  });

  test('does not let plans of a path pass its apply, nor the other way round', () => {
    const runs = [run('a', 'prod/vpc', 'running', { command: 'apply' }), run('b', 'prod/vpc')];
    expect(nextStarts(runs, 9, t0)).toEqual([]);
  });

  test('takes the same path of another repository for another path', () => {
    const other = { ...run('b', 'prod/vpc'), repo: 'other' };
    expect(ids(nextStarts([run('a', 'prod/vpc', 'running'), other], 9, t0))).toEqual(['b']);
  });

  test('starts no more than there is room for, workers that are being ended counted', () => {
    const occupied = { ...run('a', 'prod/a', 'lost'), occupied: true };
    const runs = [occupied, run('b', 'prod/b', 'running'), run('c', 'prod/c'), run('d', 'prod/d')];
    expect(ids(nextStarts(runs, 3, t0))).toEqual(['c']);
    expect(nextStarts(runs, 2, t0)).toEqual([]);
    expect(nextStarts(runs, 1, t0)).toEqual([]);
  });

  test('keeps separate room for plans and applies, each with its own workers counted', () => {
    const apply = { command: 'apply' } as const;
    const runs = [
      run('a', 'prod/a', 'running'),
      run('b', 'prod/b'),
      run('c', 'prod/c', 'queued', apply),
      run('d', 'prod/d', 'queued', apply),
    ];
    expect(ids(nextStarts(runs, { plan: 1, apply: 1 }, t0))).toEqual(['c']);
    expect(ids(nextStarts(runs, { plan: 2, apply: 0 }, t0))).toEqual(['b']);
    expect(ids(nextStarts(runs, { plan: 9, apply: 9 }, t0))).toEqual(['b', 'c', 'd']);
  });

  test('lets a run that waits for its next try keep its path and nobody else waiting', () => {
    const failedStarts = { count: 1, since: t0, notBefore: t0 + 5 };
    const runs = [{ ...run('a', 'prod/vpc'), failedStarts }, run('b', 'prod/vpc'), run('c', 'prod/app')];
    expect(ids(nextStarts(runs, 1, t0 + 4))).toEqual(['c']);
    expect(ids(nextStarts(runs, 1, t0 + 5))).toEqual(['a']);
  });
});

describe('place', () => {
  const runs = [
    run('a', 'prod/vpc', 'running'),
    run('b', 'prod/app'),
    { ...run('c', 'prod/vpc', 'lost'), occupied: true },
    run('d', 'prod/vpc', 'failed'),
    run('e', 'prod/vpc'),
    run('f', 'prod/vpc'),
  ];
  const settled = runs.map(one => (one.id === 'd' ? { ...one, occupied: false } : one));

  test('names the runs of the same path that come before, first to end first', () => {
    expect(place(settled, 'f')).toEqual({ position: 3, ahead: ['a', 'c', 'e'] });
    expect(place(settled, 'b')).toEqual({ position: 0, ahead: [] });
  });

  test('knows no place for a run that is not there', () => {
    expect(place(settled, 'z')).toEqual({ position: 0, ahead: [] });
  });
});

describe('any queue', () => {
  const anyRun = fc.record({
    repo: fc.constantFrom('infra-live', 'other'),
    path: fc.constantFrom('prod/vpc', 'prod/app', 'staging/vpc'),
    command: fc.constantFrom('plan' as const, 'apply' as const),
    state: fc.constantFrom(...stateNames),
    occupied: fc.boolean(),
    waitMs: fc.constantFrom(undefined, -1, 0, 1),
  });
  const queue = fc.array(anyRun, { maxLength: 12 }).map(samples =>
    samples
      .map(({ repo, path, command, state, occupied, waitMs }, index): RunRecord => {
        const made = run(`${index}`, path, state, { command });
        return {
          ...made,
          repo,
          occupied: made.state === 'queued' ? false : made.occupied && (isLive(made) || occupied),
          ...(waitMs === undefined ? {} : { failedStarts: { count: 1, since: t0, notBefore: t0 + waitMs } }),
        };
      })
      .filter(one => isLive(one) || one.occupied),
  );
  const anyRoom = fc.oneof(
    fc.integer({ min: 1, max: 5 }),
    fc.record({ plan: fc.integer({ min: 0, max: 3 }), apply: fc.integer({ min: 0, max: 3 }) }),
  );

  test('starts exactly what a model starts that tries one run after the other', () => {
    fc.assert(
      fc.property(queue, anyRoom, (runs, room) => {
        const busy = runs.filter(one => one.state !== 'queued');
        const started: RunRecord[] = [];
        for (const one of runs) {
          const before = runs.slice(0, runs.indexOf(one)).filter(other => other.state === 'queued');
          const pathIsFree = [...busy, ...before].every(other => pathOf(other) !== pathOf(one));
          const isRival = (other: RunRecord) =>
            typeof room === 'number' || other.request.command === one.request.command;
          const workers = typeof room === 'number' ? room : room[one.request.command];
          const isFull = [...busy, ...started].filter(isRival).length >= workers;
          const isEarly = one.failedStarts !== undefined && one.failedStarts.notBefore > t0;
          if (one.state === 'queued' && pathIsFree && !isFull && !isEarly) started.push(one);
        }
        expect(ids(nextStarts(runs, room, t0))).toEqual(ids(started));
      }),
      { numRuns: 500 },
    );
  });

  test('lets a run start only from the first place of its path', () => {
    fc.assert(
      fc.property(queue, runs => {
        for (const { id } of nextStarts(runs, 99, t0)) expect(place(runs, id)).toEqual({ position: 0, ahead: [] });
      }),
    );
  });
});
