/** A launcher of real child processes, each a script that behaves well or badly and tells what happens to it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childProcessLauncher } from '../../../invoker/embedded/child-process.ts';
import type { Launcher } from '../../../invoker/ledger.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { t0 } from '../sample-run.ts';

/** What the worker that is started does: `daemonises` leaves a process behind that ignores what it is asked, and ends. */
export type Behaviour = 'ends' | 'fails' | 'stays' | 'ignores signals' | 'daemonises';

export interface ProcessesUnderTest {
  readonly launcher: Launcher;
  /** Another server with the same machine and directory, which has started nothing itself. */
  readonly successor: Launcher;
  readonly wait: (ms: number) => void;
  readonly graceMs: number;
  /** What the worker, or what it left behind, has told of itself: its environment first, then each signal it met. */
  readonly heard: () => readonly string[];
  /** Whether any process that was started is left. */
  readonly alive: () => boolean;
  /** Sends it to all that are left. */
  readonly signal: (name: NodeJS.Signals) => void;
  readonly exits: () => number;
  readonly reports: () => readonly string[];
  readonly work: string;
  /** Ends whatever is left. */
  readonly close: () => void;
}

/** What a worker does; `tell` writes a line where the test looks for it. */
const behaviours: Readonly<Record<Behaviour, string>> = {
  ends: 'tell(JSON.stringify(process.env));',
  fails: `tell('here'); process.stderr.write('cannot go on\\n'); process.exitCode = 1;`,
  stays: 'listen(() => process.exit(0)); tell(JSON.stringify(process.env));',
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

export function processesUnderTest(behaviour: Behaviour): ProcessesUnderTest {
  const directory = temporaryDirectory('launcher');
  const told = join(directory, 'told');
  const entry = join(directory, 'worker.mjs');
  const work = join(directory, 'work');
  writeFileSync(entry, script(told, behaviour));
  let now = t0;
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
  const signal = (name: NodeJS.Signals) => {
    for (const pid of pids().filter(isAlive))
      try {
        process.kill(pid, name);
      } catch {
        // It has just ended.
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
    signal,
    exits: () => exits,
    reports: () => reports,
    close: () => signal('SIGKILL'),
    work,
  };
}
