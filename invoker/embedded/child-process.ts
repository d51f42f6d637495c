/** The launcher on one machine: a worker is a child process in a session of its own, so that it outlives a server that dies. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok } from '../../policies/contract/error.ts';
import type { Launcher } from '../ledger.ts';
import type { RunRecord } from '../run.ts';
import { digestOf } from '../secret.ts';
import { leavings } from './leavings.ts';
import { runProcesses, runVariable } from './run-processes.ts';

export interface ChildProcessParts {
  /** The bundled worker. */
  readonly entry: string;
  readonly work: string;
  readonly state: string;
  /** What workers keep from run to run. */
  readonly cache: string;
  /** Where git, ssh and Terraform are looked for. */
  readonly path: string;
  /** What workers keep Terraform apart with, by its name. */
  readonly isolation: Promise<string>;
  readonly url: () => string;
  readonly now: () => number;
  /** From handing out a ticket until a worker must have claimed it. */
  readonly startMs: number;
  /** From asking a worker that was given up to stop until it is killed. */
  readonly graceMs: number;
  /** A worker's process has ended. */
  readonly exited: () => void;
  /** What a worker said that ended without being able to tell the door. */
  readonly report: (run: string, words: string) => void;
}

/** Without isolation planned code may signal its worker, and SIGUSR1 would open Node's debugger on loopback. */
const options = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning'];

/** A worker that has told its end is given this long to exit by itself. */
const courtesyMs = 2000;

export function childProcessLauncher(parts: ChildProcessParts): Launcher {
  const { entry, work, state, cache, path, isolation, url, now, startMs, graceMs, exited, report } = parts;
  const children = new Set<string>();
  const left = leavings({ work, path, report });
  const settling = new Map<string, { since: number; asked: boolean }>();

  const begin: Launcher['start'] = async (run, ticket) => {
    const { id } = run;
    const places = placesOf(run, work);
    mkdirSync(places.run, { recursive: true, mode: 0o700 });
    const kind = await isolation;
    const output = openSync(places.words, 'w', 0o600);
    try {
      const child = spawn(process.execPath, [...options, entry], {
        detached: true,
        stdio: ['ignore', output, output],
        cwd: places.run,
        env: {
          PATH: path,
          LANG: 'C.UTF-8',
          [runVariable]: id,
          INFRA_DEPLOYER_TICKET: ticket,
          INFRA_DEPLOYER_DOOR: url(),
          INFRA_DEPLOYER_RUN_DIR: places.run,
          INFRA_DEPLOYER_CLONE_DIR: places.clone,
          INFRA_DEPLOYER_DATA_DIR: places.data,
          INFRA_DEPLOYER_ISOLATION: kind,
          INFRA_DEPLOYER_STATE_FILE: join(state, `${places.name}.tfstate`),
          INFRA_DEPLOYER_CACHE_DIR: cache,
        },
      });
      const failed = await new Promise<string | undefined>(done => {
        child.once('spawn', () => done(undefined));
        child.once('error', error => done(error.message));
      });
      if (failed !== undefined) return { failed };
      children.add(id);
      child.once('exit', code => {
        children.delete(id);
        if (code !== 0) report(id, tail(places.words));
        exited();
      });
      child.unref();
      return undefined;
    } finally {
      closeSync(output);
    }
  };

  return {
    choose: async () => ok({ worker: 'process', startMs }),

    // A disk that is full is no failure of the keeper: the run ends and says why.
    start: (run, ticket) => begin(run, ticket).catch((error: Error) => ({ failed: error.message })),

    // One that has ended without a word is found by its lease.
    look: async () => undefined,

    settle: async run => {
      const { id } = run;
      const processes = runProcesses(id);
      if (processes.length === 0 && !children.has(id)) {
        settling.delete(id);
        const places = placesOf(run, work);
        left.keepErroredState(run, places.clone, join(state, `${places.name}.${id}.errored.tfstate`));
        left.discard(id, [places.run, places.clone, places.data]);
        return true;
      }
      const seen = settling.get(id) ?? { since: now(), asked: false };
      settling.set(id, seen);
      const waited = now() - seen.since;
      if (waited > courtesyMs + graceMs) for (const { pid } of processes) signal(pid, 'SIGKILL');
      else if (waited > courtesyMs && !seen.asked) {
        seen.asked = true;
        const worker = processes.find(one => one.isWorker);
        // A worker interrupts Terraform itself, and a second interrupt would make Terraform drop what it holds.
        if (worker) signal(worker.pid, 'SIGTERM');
        else for (const { pid, isWrapper } of processes) if (!isWrapper) signal(pid, 'SIGINT');
      }
      return false;
    },
  };
}

/** A run's own directory, short since sockets lie below it, and those that plan and apply of a path must share. */
function placesOf({ id, repo, request }: RunRecord, work: string) {
  // The digest tells apart what is too long for a file's name, or differs by upper and lower case only.
  const readable = `${repo}@${request.path.replaceAll('/', '~')}`.slice(0, 120);
  const name = `${readable}~${digestOf(`${repo}\n${request.path}`).slice(0, 16)}`;
  const run = join(work, id.slice(2, 12));
  return { name, run, clone: join(work, name), data: join(work, `${name}~data`), words: join(run, 'worker.log') };
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-2000);
  } catch {
    return '';
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended, which is what is wanted.
  }
}
