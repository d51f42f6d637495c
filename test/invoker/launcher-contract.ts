/** What every launcher must do, seen through workers that behave well and badly. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Launcher } from '../../invoker/ledger.ts';
import { type RunRecord, start } from '../../invoker/run.ts';
import { value } from '../support/value.ts';
import { queuedRun, t0 } from './sample-run.ts';

/** What the worker that is started does: `daemonises` leaves a process behind that ignores what it is asked, and ends. */
export type Behaviour = 'ends' | 'fails' | 'stays' | 'ignores signals' | 'daemonises';

export interface LauncherUnderTest {
  readonly launcher: Launcher;
  /** Another server with the same machine and directory, which has started nothing itself. */
  readonly successor: Launcher;
  readonly wait: (ms: number) => void;
  readonly graceMs: number;
  /** What the worker, or what it left behind, has told of itself: its environment first, then each signal it met. */
  readonly heard: () => readonly string[];
  /** Whether any process that was started is left. */
  readonly alive: () => boolean;
  readonly exits: () => number;
  readonly reports: () => readonly string[];
  /** Ends whatever is left. */
  readonly close: () => void;
}

export function launcherContract(name: string, make: (behaviour: Behaviour) => Promise<LauncherUnderTest>): void {
  let made: LauncherUnderTest;
  afterEach(() => made.close());

  const launch = async (behaviour: Behaviour): Promise<RunRecord> => {
    made = await make(behaviour);
    const queued = queuedRun();
    const run = value(start(queued, 'digest', t0, value(await made.launcher.choose(queued))));
    expect(await made.launcher.start(run, 'the ticket')).toBeUndefined();
    await until(() => made.heard().length > 0, 'the worker begins');
    return run;
  };
  const gone = () => until(() => !made.alive(), 'the worker is gone');
  /** Settles again and again, as the keeper does, until nothing is left. */
  const settled = async (run: RunRecord, launcher = made.launcher) => {
    for (let round = 0; round < 100; round++) {
      if (await launcher.settle(run)) return;
      await sleep(20);
    }
    throw new Error('it was not settled');
  };
  const told = (signal: string) => made.heard().filter(line => line === signal).length;

  describe(name, () => {
    test('hands a worker its run, its ticket and the way to the door, and nothing of the server', async () => {
      process.env.A_SECRET_OF_THE_SERVER = 'x';
      const run = await launch('ends');
      delete process.env.A_SECRET_OF_THE_SERVER;
      expect(JSON.parse(made.heard()[0] ?? '')).toMatchObject({
        INFRA_DEPLOYER_RUN: run.id,
        INFRA_DEPLOYER_TICKET: 'the ticket',
        INFRA_DEPLOYER_DOOR: 'http://door',
      });
      expect(made.heard()[0]).not.toContain('A_SECRET_OF_THE_SERVER');
      await gone();
    });

    test('settles at once when the worker has ended by itself, and says that it has', async () => {
      const run = await launch('ends');
      await gone();
      await until(() => made.exits() === 1, 'the end is told');
      expect(await made.launcher.settle(run)).toBe(true);
      expect(await made.launcher.settle(run)).toBe(true);
      expect(made.reports()).toEqual([]);
    });

    test('passes on what a worker said that ended badly', async () => {
      await launch('fails');
      await until(() => made.exits() === 1, 'the end is told');
      expect(made.reports()).toEqual([expect.stringContaining('cannot go on')]);
    });

    test('leaves a worker time to end by itself, asks it once, and waits for it', async () => {
      const run = await launch('stays');
      expect(await made.launcher.settle(run)).toBe(false);
      made.wait(1000);
      expect(await made.launcher.settle(run)).toBe(false);
      expect(told('SIGTERM')).toBe(0);
      made.wait(1001);
      await settled(run);
      expect([told('SIGTERM'), told('SIGINT'), made.alive()]).toEqual([1, 0, false]);
    });

    test('kills a worker that does not listen, after the grace and not before', async () => {
      const run = await launch('ignores signals');
      expect(await made.launcher.settle(run)).toBe(false);
      made.wait(2001);
      for (let round = 0; round < 3; round++) expect(await made.launcher.settle(run)).toBe(false);
      await until(() => told('SIGTERM') === 1, 'the worker is asked');
      made.wait(made.graceMs - 1);
      expect(await made.launcher.settle(run)).toBe(false);
      await sleep(100);
      expect([told('SIGTERM'), made.alive()]).toEqual([1, true]);
      made.wait(1);
      await settled(run);
      expect(made.alive()).toBe(false);
    });

    test('ends what a worker left behind in a session of its own: asked first, then killed', async () => {
      const run = await launch('daemonises');
      await until(() => made.exits() === 1, 'the worker itself ends');
      expect([await made.launcher.settle(run), made.alive()]).toEqual([false, true]);
      made.wait(2001);
      expect(await made.launcher.settle(run)).toBe(false);
      await until(() => told('SIGINT') === 1, 'it is interrupted');
      made.wait(made.graceMs);
      await settled(run);
      expect(made.alive()).toBe(false);
    });

    test('ends a worker that a server before it started', async () => {
      const run = await launch('stays');
      const { successor } = made;
      expect(await successor.settle(run)).toBe(false);
      made.wait(2001);
      await settled(run, successor);
      expect([told('SIGTERM'), made.alive()]).toEqual([1, false]);
    });

    test('does not touch the worker of another run', async () => {
      await launch('stays');
      const other = queuedRun();
      made.wait(1e9);
      expect(await made.launcher.settle(other)).toBe(true);
      await sleep(50);
      expect([told('SIGTERM'), made.alive()]).toEqual([0, true]);
    });
  });
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it did not come to this: ${what}`);
    await sleep(10);
  }
}
