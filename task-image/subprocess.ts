/** Runs one tool: argv array, environment from nothing, closed stdin, a process group of its own that ends with it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Tool {
  /** Absolute path of the binary. */
  readonly file: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
  /** From SIGINT to SIGKILL. */
  readonly graceMs: number;
  /** Takes the output as it comes; the tool waits while a promise is open. */
  readonly output: (chunk: Buffer, stream: 'stdout' | 'stderr') => Promise<void> | void;
}

/** A tool that was killed has no exit code. */
export interface ToolEnd {
  readonly exitCode: number | undefined;
}

/** Resolves when the tool and its whole process group are gone; rejects only when it cannot be started. */
export async function runTool({ file, argv, cwd, env, stop, graceMs, output }: Tool): Promise<ToolEnd> {
  const child = spawn(file, [...argv], { cwd, env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error('the process has no id');
  const drain = async (stream: NodeJS.ReadableStream, name: 'stdout' | 'stderr') => {
    for await (const chunk of stream) await output(chunk as Buffer, name);
  };
  const drained = Promise.allSettled([drain(child.stdout, 'stdout'), drain(child.stderr, 'stderr')]);

  let ended = false;
  const interrupt = async (): Promise<void> => {
    // One interrupt only: a second makes Terraform drop what it holds.
    signalGroup(pid, 'SIGINT');
    await sleep(graceMs, undefined, { ref: false });
    if (!ended) signalGroup(pid, 'SIGKILL');
  };
  const onStop = () => void interrupt();
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });

  const [code] = (await once(child, 'exit')) as [number | null];
  ended = true;
  stop.removeEventListener('abort', onStop);
  // What the tool has started and left must not live on, nor hold its output open.
  signalGroup(pid, 'SIGKILL');
  await Promise.race([drained, sleep(5000, undefined, { ref: false })]);
  return { exitCode: code ?? undefined };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}
