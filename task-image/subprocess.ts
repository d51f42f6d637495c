/** Runs one tool: argv array, environment from nothing, closed stdin, a process group of its own that ends with it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
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
  /** A file for the time the tool runs. */
  readonly outputFile: string;
  /** Leaves standard error out. */
  readonly stdoutOnly?: true;
  /** Takes the output as it comes, in the order in which it was written. */
  readonly output: (chunk: Buffer) => Promise<void> | void;
  /** Output that may have been written when `since` is true is handed on after the tool has ended and `until` is done. */
  readonly hold?: { readonly since: () => boolean; readonly until: () => Promise<void> };
}

/** A tool that was killed, or not started since it should stop already, has no exit code. */
export interface ToolEnd {
  readonly exitCode: number | undefined;
}

const lookMs = 30;
const chunkBytes = 64 * 1024;

/**
 * Resolves when the tool and its whole process group are gone; rejects only when it cannot be started. The tool writes to
 * a file, not to us: with a pipe, a worker that dies would take Terraform with it at its next line, before it saves state.
 */
export async function runTool(tool: Tool): Promise<ToolEnd> {
  const { stop, graceMs, outputFile } = tool;
  if (stop.aborted) return { exitCode: undefined };
  const { pid, exit } = await start(tool);
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

  const written = await open(outputFile, 'r');
  try {
    const code = await handOn(written, exit, tool, () => {
      ended = true;
      stop.removeEventListener('abort', onStop);
      // What the tool has started and left must not live on, nor write on.
      signalGroup(pid, 'SIGKILL');
    });
    return { exitCode: code ?? undefined };
  } finally {
    await written.close();
    await rm(outputFile, { force: true });
  }
}

async function start({ file, argv, cwd, env, outputFile, stdoutOnly }: Tool) {
  const output = openSync(outputFile, 'w', 0o600);
  try {
    const stdio = ['ignore' as const, output, stdoutOnly ? ('ignore' as const) : output];
    const child = spawn(file, [...argv], { cwd, env: { ...env }, stdio, detached: true });
    const exit = once(child, 'exit') as Promise<[number | null]>;
    exit.catch(() => {});
    await once(child, 'spawn');
    if (child.pid === undefined) throw new Error('the process has no id');
    return { pid: child.pid, exit };
  } finally {
    closeSync(output);
  }
}

/** Follows the file until the tool has exited and everything it wrote is handed on; answers its exit code. */
async function handOn(
  written: Awaited<ReturnType<typeof open>>,
  exit: Promise<[number | null]>,
  { output, hold }: Tool,
  onExit: () => void,
): Promise<number | null> {
  let offset = 0;
  const readOn = async (mayHold: boolean): Promise<void> => {
    for (;;) {
      const { bytesRead, buffer } = await written.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, offset);
      // Asked after reading: what is read while it is false was written while it was. What is held stays in the file.
      if (bytesRead === 0 || (mayHold && hold?.since())) return;
      offset += bytesRead;
      await output(buffer.subarray(0, bytesRead));
    }
  };
  for (;;) {
    const exited = await Promise.race([exit, sleep(lookMs)]);
    if (exited) onExit();
    await readOn(true);
    if (!exited) continue;
    if (hold?.since()) {
      await hold.until();
      await readOn(false);
    }
    return exited[0];
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}
