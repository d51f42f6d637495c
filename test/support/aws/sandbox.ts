/** What stands for the virtual machine of a function or a task: a process with an environment built from nothing, and all that it starts. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export interface Sandbox {
  signal(signal: NodeJS.Signals): void;
  /** Ends the process and everything it has started since, whatever process groups these have made for themselves. */
  kill(): void;
}

export interface SandboxOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  onOutput(text: string): void;
  /** At once; what it printed may still be to come. */
  onExit?(): void;
  /** After the last `onOutput`. */
  onEnd(end: SandboxEnd): void;
}

/** Of a process that could not be started there is only `error`. */
export interface SandboxEnd {
  readonly error?: Error;
  readonly status?: number | null;
  readonly signal?: NodeJS.Signals | null;
}

const running = new Set<number>();
process.once('exit', () => {
  for (const pid of running) killTree(pid);
});

export function startSandbox({ command, env, cwd, onOutput, onExit, onEnd }: SandboxOptions): Sandbox {
  const [file = '', ...args] = command;
  // Of its own group, so that a ^C at the terminal does not reach it.
  const child = spawn(file, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => onOutput(chunk.toString()));
  child.on('error', error => pid === undefined && onEnd({ error }));
  const closed = new Promise(resolve => child.once('close', resolve));
  child.on('exit', async (status, signal) => {
    if (pid !== undefined) running.delete(pid);
    onExit?.();
    // What it printed last may not have been read yet; but a child that outlives it may hold the pipe for ever.
    await Promise.race([closed, pause(500)]);
    onEnd({ status, signal });
  });
  return {
    signal: signal => child.kill(signal),
    kill() {
      if (pid !== undefined && running.has(pid)) killTree(pid);
    },
  };
}

function killTree(pid: number): void {
  for (const one of [...descendants(pid), pid]) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
}

function descendants(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(child => parentOf(child) === pid);
  return children.flatMap(child => [child, ...descendants(child)]);
}

function parentOf(pid: number): number | undefined {
  try {
    // `pid (name) state parent …`, and a name may hold anything.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) . /s, '')
        .split(' ')[0],
    );
  } catch {
    // It has just ended.
    return undefined;
  }
}
