/** What every launcher must do, whatever its workers are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Launcher } from '../../invoker/ledger.ts';
import { claim, expire, finish, type RunRecord, start } from '../../invoker/run.ts';
import { value } from '../support/value.ts';
import { queuedRun, t0, times, tokenHash } from './sample-run.ts';

export interface LauncherUnderTest {
  readonly launcher: Launcher;
  /** Another server with the same workers, which has started nothing itself. */
  readonly successor: Launcher;
  /** Time passes, for launcher and workers. */
  readonly wait: (ms: number) => void;
  /** What the worker, once it is there, was handed of its run. */
  readonly handed: () => Promise<unknown>;
  readonly isAlive: () => boolean;
  /** The worker ends by itself. */
  readonly end: () => Promise<void>;
  readonly close: () => Promise<void> | void;
}

/** The clock of a launcher that is made begins at `t0`. */
export function launcherContract(name: string, make: () => Promise<LauncherUnderTest>): void {
  describe(`${name}, as every launcher`, () => {
    let made: LauncherUnderTest;
    afterEach(() => made.close());

    /** A run with a worker that goes on until somebody ends it. */
    const launch = async (): Promise<RunRecord> => {
      made = await make();
      const queued = queuedRun();
      const chosen = value(await made.launcher.choose(queued, []));
      if (chosen === 'later') throw new Error('there is room for one');
      const run = value(start(queued, 'digest', t0, chosen));
      expect(await made.launcher.start(run, 'the ticket')).toBeUndefined();
      await made.handed();
      return run;
    };
    /** Settles again and again, as the keeper does, until nothing is left. */
    const settled = async (run: RunRecord, launcher = made.launcher) => {
      for (let round = 0; round < 200; round++) {
        if (await launcher.settle(run)) return;
        made.wait(10_000);
        await sleep(20);
      }
      throw new Error('it was not settled');
    };

    test('hands a worker its run and its ticket', async () => {
      const run = await launch();
      expect(await made.handed()).toEqual({ run: run.id, ticket: 'the ticket' });
    });

    test('waits for a worker that may still come', async () => {
      const run = await launch();
      expect(await made.launcher.look(run, [run])).toBeUndefined();
      expect(made.isAlive()).toBe(true);
    });

    test('settles a run whose worker has told its end and is gone, however often it is asked', async () => {
      const run = told(await launch());
      await made.end();
      await settled(run);
      expect(await made.launcher.settle(run)).toBe(true);
    });

    test('holds the path of a worker that fell silent until that is gone', async () => {
      const run = lost(await launch());
      expect([await made.launcher.settle(run), made.isAlive()]).toEqual([false, true]);
      await settled(run);
      expect(made.isAlive()).toBe(false);
    });

    test('ends what a server before it started', async () => {
      const run = lost(await launch());
      expect(await made.successor.settle(run)).toBe(false);
      await settled(run, made.successor);
      expect(made.isAlive()).toBe(false);
    });

    test('does not touch the worker of another run', async () => {
      const { worker = 'process' } = await launch();
      const earlier = start(queuedRun(), 'digest', t0 - 3_600_000, { worker, startMs: times.startMs });
      expect(await made.launcher.settle(lost(value(earlier)))).toBe(true);
      await sleep(50);
      expect(made.isAlive()).toBe(true);
    });
  });
}

const claimed = (run: RunRecord): RunRecord =>
  value(claim(run, { ticket: 'digest', token: tokenHash }, run.startedAt ?? t0, times));

export const told = (run: RunRecord): RunRecord => value(finish(claimed(run), { outcome: 'failed' }, t0));

export function lost(run: RunRecord): RunRecord {
  const next = expire(claimed(run), (run.startedAt ?? t0) + times.leaseMs + 1, times);
  if (next === undefined) throw new Error('its lease is over');
  return next;
}
