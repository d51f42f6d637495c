import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { RunRecord } from '../../../invoker/run.ts';
import { launcherContract } from '../launcher-contract.ts';
import { queuedRun, type Sample, startingRun } from '../sample-run.ts';
import { type Behaviour, type ProcessesUnderTest, processesUnderTest } from './processes-under-test.ts';

// Elsewhere there is no /proc in which to find what a worker left behind.
describe.skipIf(process.platform !== 'linux')('on Linux', () =>
  launcherContract('a child process', async () => {
    const made = processesUnderTest('stays');
    const handed = async () => {
      await until(() => made.heard().length > 0, 'the worker begins');
      const { INFRA_DEPLOYER_RUN: run, INFRA_DEPLOYER_TICKET: ticket } = JSON.parse(made.heard()[0] ?? '');
      return { run, ticket };
    };
    return { ...made, handed, isAlive: made.alive, end: async () => made.close() };
  }),
);

/** What only processes can do: be asked, be killed, and leave others behind. */
describe.skipIf(process.platform !== 'linux')('a worker that is a process', () => {
  let made: ProcessesUnderTest;
  afterEach(() => made.close());

  const launch = async (behaviour: Behaviour): Promise<RunRecord> => {
    made = processesUnderTest(behaviour);
    const run = startingRun();
    expect(await made.launcher.start(run, 'the ticket')).toBeUndefined();
    await until(() => made.heard().length > 0, 'the worker begins');
    return run;
  };
  const gone = () => until(() => !made.alive(), 'the worker is gone');
  /** Settles again and again, as the keeper does, until nothing is left. */
  const settled = async (run: RunRecord) => {
    for (let round = 0; round < 100; round++) {
      if (await made.launcher.settle(run)) return;
      await sleep(20);
    }
    throw new Error('it was not settled');
  };
  const told = (signal: string) => made.heard().filter(line => line === signal).length;

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

  test('opens no debugger to whoever may signal the worker', async () => {
    const run = await launch('stays');
    made.signal('SIGUSR1');
    await sleep(500);
    const words = readFileSync(join(made.work, run.id.slice(2, 12), 'worker.log'), 'utf8');
    expect([words, made.alive()]).toEqual(['', true]);
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
});

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it did not come to this: ${what}`);
    await sleep(10);
  }
}

describe('the directories of a run', () => {
  test('are its own and its clone, for plan and apply of a path the same, and gone with the run', async () => {
    const made = processesUnderTest('ends');
    const [plan, apply, other] = [
      startingRun(),
      startingRun({ command: 'apply' }),
      startingRun({ path: 'prod/vpc/a', repo: 'infra-live' }),
    ];
    for (const run of [plan, apply, other]) await made.launcher.start(run, 'ticket');
    await expect.poll(() => made.exits()).toBe(3);
    const [a, b, c] = [plan, apply, other].map(({ id }) => {
      const env = made.heard().find(line => line.includes(id));
      return JSON.parse(env ?? '{}');
    });
    expect(a.INFRA_DEPLOYER_CLONE_DIR).toBe(b.INFRA_DEPLOYER_CLONE_DIR);
    expect(a.INFRA_DEPLOYER_STATE_FILE).toBe(b.INFRA_DEPLOYER_STATE_FILE);
    expect(a.INFRA_DEPLOYER_CLONE_DIR).not.toBe(c.INFRA_DEPLOYER_CLONE_DIR);
    expect(new Set([a, b, c].map(env => env.INFRA_DEPLOYER_RUN_DIR)).size).toBe(3);
    for (const run of [plan, apply, other]) expect(await made.launcher.settle(run)).toBe(true);
    expect([a, b, c].map(env => existsSync(env.INFRA_DEPLOYER_RUN_DIR))).toEqual([false, false, false]);
  });
});

describe('the directories of two stacks', () => {
  const long = Array.from({ length: 31 }, () => 'p'.repeat(15)).join('/');
  test.each<[string, Sample, Sample]>([
    ['upper and lower case', { path: 'prod/vpc' }, { path: 'prod/VPC' }],
    ['the end of a path too long for a name', { path: `${long}/a` }, { path: `${long}/b` }],
  ])('are two where they differ by %s, on every file system', async (_, one, other) => {
    const made = processesUnderTest('ends');
    const runs = [startingRun(one), startingRun(other)];
    for (const run of runs) expect(await made.launcher.start(run, 'ticket')).toBeUndefined();
    await expect.poll(() => made.exits()).toBe(2);
    for (const name of ['INFRA_DEPLOYER_CLONE_DIR', 'INFRA_DEPLOYER_STATE_FILE']) {
      const places = made.heard().map(line => basename(JSON.parse(line)[name]).toLowerCase());
      expect(new Set(places).size).toBe(2);
      for (const place of places) expect(place.length).toBeLessThanOrEqual(200);
    }
  });
});

describe('a directory that a run has left', () => {
  const ended = async () => {
    const made = processesUnderTest('ends');
    const run = startingRun();
    await made.launcher.start(run, 'ticket');
    await expect.poll(() => made.exits()).toBe(1);
    const { INFRA_DEPLOYER_CLONE_DIR: clone } = JSON.parse(made.heard()[0] ?? '');
    mkdirSync(clone, { recursive: true });
    return { made, run, clone: String(clone) };
  };

  test('is removed with what is read-only in it', async () => {
    const { made, run, clone } = await ended();
    const inner = join(clone, 'a', 'b');
    mkdirSync(inner, { recursive: true });
    writeFileSync(join(inner, 'file'), '');
    for (const directory of [inner, join(clone, 'a'), clone]) chmodSync(directory, 0o500);
    expect(await made.launcher.settle(run)).toBe(true);
    await expect.poll(() => readdirSync(made.work), { timeout: 20_000 }).toEqual([]);
  });
});

test('a worker for which there is no place is not started, and a sentence says why', async () => {
  const made = processesUnderTest('ends');
  writeFileSync(made.work, 'a file where the directory should be');
  const notStarted = await made.launcher.start(queuedRun(), 'ticket');
  expect(notStarted?.failed).toMatch(/EEXIST|ENOTDIR/);
});
