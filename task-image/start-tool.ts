/** Starts a tool in what isolates it: argv array, environment from nothing, a process group of its own. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Isolation } from './isolation.ts';
import { sandboxArgv, type View } from './sandbox.ts';
import { systemCallFilter } from './system-calls.ts';

export interface Start {
  /** Absolute path of the binary. */
  readonly file: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly isolation: Isolation;
  /** What it sees in a sandbox; what it may write to, in any case. */
  readonly view: View;
  /** A file for the time the tool runs: with a pipe, a worker that dies would take Terraform with it at its next line. */
  readonly outputFile: string;
  /** Leaves standard error out. */
  readonly stdoutOnly?: true;
}

export interface Running {
  /** Leads the process group. */
  readonly pid: number;
  /** Process 1 of the namespace, as it is numbered here. */
  readonly first?: number;
  /** Everything that runs as this user is the tool's. */
  readonly uid?: number;
  readonly exit: Promise<readonly [number | null]>;
}

export async function startTool(start: Start): Promise<Running> {
  const { file, argv, cwd, env, isolation, view, outputFile, stdoutOnly } = start;
  accessSync(file, constants.X_OK);
  const output = openSync(outputFile, 'w', 0o600);
  try {
    const stdio = ['ignore' as const, output, stdoutOnly ? ('ignore' as const) : output];
    const options = { cwd, env: { ...env }, stdio, detached: true };
    switch (isolation.kind) {
      case 'none':
        return await started(limited(file, argv, options));
      case 'user': {
        const { uid, gid } = isolation;
        // Nothing that it executes can make it another user: what has a setuid bit or capabilities is run without them.
        const words = ['--no-new-privs', '--', file, ...argv];
        return { ...(await started(limited('setpriv', words, { ...options, uid, gid }))), uid };
      }
      case 'namespace': {
        const words = ['--info-fd', '4', ...sandboxArgv(view, cwd), file, ...argv];
        const child = enclosed(isolation.bwrap, words, { ...options, stdio: [...stdio, 'pipe', 'pipe'] });
        const running = await started(child);
        const first = await firstProcess(child.stdio[4] as Readable).catch(error => {
          child.kill('SIGKILL');
          throw error;
        });
        return { ...running, ...(first === undefined ? {} : { first }) };
      }
    }
  } finally {
    closeSync(output);
  }
}

/** Starts bubblewrap; the fourth of `stdio` must be a pipe, through which it gets its filter of system calls. */
export function enclosed(bwrap: string, words: readonly string[], options: SpawnOptions): ChildProcess {
  const child = limited(bwrap, ['--seccomp', '3', ...words], { ...options, cwd: '/' });
  const filter = child.stdio[3] as Writable;
  // One that gives up before it has read it says why itself.
  filter.on('error', () => {});
  filter.end(systemCallFilter);
  return child;
}

/** As many as a process may have open: who looks after it must be able to count them. */
const openFiles = 4096;

/** Where less is allowed anyway, that stays. Only a shell can set it for what it becomes. */
const limited = (file: string, argv: readonly string[], options: SpawnOptions): ChildProcess =>
  spawn('/bin/sh', ['-c', `ulimit -n ${openFiles} 2>/dev/null; exec "$0" "$@"`, file, ...argv], options);

async function started(child: ChildProcess): Promise<Running> {
  const exit = once(child, 'exit') as Promise<[number | null]>;
  exit.catch(() => {});
  await once(child, 'spawn');
  if (child.pid === undefined) throw new Error('the process has no id');
  return { pid: child.pid, exit };
}

/** None where bubblewrap gives up before: its words are in the output, its exit code is the tool's. */
async function firstProcess(info: Readable): Promise<number | undefined> {
  const words = await text(info);
  return words === '' ? undefined : (JSON.parse(words) as { 'child-pid': number })['child-pid'];
}
