import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { childProcessLauncher } from '../../../invoker/embedded/child-process.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Behaviour, type LauncherUnderTest, launcherContract } from '../launcher-contract.ts';
import { queuedRun, type Sample, startingRun } from '../sample-run.ts';

/** What a worker does; `tell` writes a line where the test looks for it. */
const behaviours: Readonly<Record<Behaviour, string>> = {
  ends: 'tell(JSON.stringify(process.env));',
  fails: `tell('here'); process.stderr.write('cannot go on\\n'); process.exitCode = 1;`,
  stays: `listen(() => process.exit(0)); tell('here');`,
  'ignores signals': `listen(() => {}); tell('here');`,
  // Terraform's environment is made from nothing too: it has the run's id, but not its ticket.
  daemonises: `if (process.argv[2] === 'stray') { listen(() => {}); tell('here'); }
    else spawn(process.execPath, [process.argv[1], 'stray'],
      { detached: true, stdio: 'ignore', env: { INFRA_DEPLOYER_RUN: process.env.INFRA_DEPLOYER_RUN } }).unref();`,
};
const script = (file: string, behaviour: Behaviour) => `
  import { spawn } from 'node:child_process';
  import { appendFileSync } from 'node:fs';
  const tell = line => appendFileSync(${JSON.stringify(file)}, process.pid + ' ' + line + '\\n');
  const listen = then => {
    for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => { tell(name); then(); });
    // A test that fails must not leave this behind for long.
    setTimeout(() => process.exit(9), 20_000);
  };
  ${behaviours[behaviour]}
`;

async function make(behaviour: Behaviour): Promise<LauncherUnderTest & { readonly work: string }> {
  const directory = temporaryDirectory('launcher');
  const told = join(directory, 'told');
  const entry = join(directory, 'worker.mjs');
  const work = join(directory, 'work');
  writeFileSync(entry, script(told, behaviour));
  let now = 0;
  let exits = 0;
  const reports: string[] = [];
  const graceMs = 5000;
  const launcher = () =>
    childProcessLauncher({
      entry,
      work,
      state: join(directory, 'state'),
      cache: join(directory, 'cache'),
      path: '/nowhere',
      isolation: Promise.resolve('none'),
      url: () => 'http://door',
      now: () => now,
      startMs: 1000,
      graceMs,
      exited: () => {
        exits += 1;
      },
      report: (_, words) => reports.push(words),
    });
  const lines = () =>
    existsSync(told)
      ? readFileSync(told, 'utf8')
          .split('\n')
          .filter(line => line !== '')
      : [];
  const pids = () => [...new Set(lines().map(line => Number.parseInt(line, 10)))];
  const isAlive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  return {
    launcher: launcher(),
    successor: launcher(),
    wait: ms => {
      now += ms;
    },
    graceMs,
    heard: () => lines().map(line => line.replace(/^\d+ /, '')),
    alive: () => pids().some(isAlive),
    exits: () => exits,
    reports: () => reports,
    close: () => {
      for (const pid of pids().filter(isAlive))
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has just ended.
        }
    },
    work,
  };
}

// Elsewhere there is no /proc in which to find what a worker left behind.
describe.skipIf(process.platform !== 'linux')('on Linux', () => launcherContract('a child process', make));

describe('the directories of a run', () => {
  test('are its own and its clone, for plan and apply of a path the same, and gone with the run', async () => {
    const made = await make('ends');
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
    const made = await make('ends');
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
    const made = await make('ends');
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
  const made = await make('ends');
  writeFileSync(made.work, 'a file where the directory should be');
  const notStarted = await made.launcher.start(queuedRun(), 'ticket');
  expect(notStarted?.failed).toMatch(/EEXIST|ENOTDIR/);
});
