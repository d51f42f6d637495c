/** Runs one tool to its end: closed stdin, within its limits, and nothing of what it started left afterwards. */
import { statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../policies/contract/error.ts';
import { type Limits, megabyte, overLimit } from './limits.ts';
import { type Running, type Start, startTool } from './start-tool.ts';
import { stopper } from './stop-tool.ts';
import { watch } from './usage.ts';

export interface Tool extends Start {
  readonly stop: AbortSignal;
  /** From SIGINT to SIGKILL; asked when it begins. */
  readonly graceMs: () => number;
  readonly limits: Limits;
  /** Is interrupted, not killed, when it exceeds a limit: it has made what nobody else knows of. */
  readonly savesState?: true;
  /** Takes the output as it comes, in the order in which it was written. */
  readonly output: (chunk: Buffer) => Promise<void> | void;
  /**
   * Of the first chunk that is longer than `before` says, the rest and all that follows is held until the tool has ended;
   * then `until` says whether it may be shown.
   */
  readonly hold?: { readonly before: (chunk: Buffer) => number; readonly until: Until };
}

/** Told how the tool has ended: with its exit code, or killed. */
type Until = (exitCode: number | null) => Promise<boolean>;

/** A tool that was killed, or not started since it should stop already, has no exit code. */
export interface ToolEnd {
  readonly exitCode: number | undefined;
  /** The limit it exceeded. */
  readonly exceeded?: Problem;
}

const lookMs = 30;
const chunkBytes = 64 * 1024;

/** Resolves when the tool and everything it started are gone; so it does when it rejects, unless nothing was started. */
export async function runTool(tool: Tool): Promise<ToolEnd> {
  const { stop, graceMs, outputFile, limits, savesState, view } = tool;
  if (stop.aborted) return { exitCode: undefined };
  const running = await startTool(tool);
  const stopping = stopper(running, graceMs);
  const onStop = () => void stopping.interrupt();
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  const giveUp = () => (savesState ? stopping.interrupt() : stopping.kill());

  let exceeded: Problem | undefined;
  const endWatch = watch({
    processes: stopping.processes,
    places: view.readWrite,
    outputFile,
    limits,
    exceeded: problem => {
      exceeded = problem;
      void giveUp();
    },
  });
  const onExit = () => {
    stopping.ended();
    endWatch();
    stop.removeEventListener('abort', onStop);
  };
  try {
    const code = await handOn(tool, running, onExit);
    // It may have ended between two looks.
    exceeded ??= overLimit({ outputBytes: statSync(outputFile).size }, limits);
    return { exitCode: stopping.wasKilled() ? undefined : (code ?? undefined), ...(exceeded && { exceeded }) };
  } catch (error) {
    void giveUp();
    await running.exit;
    onExit();
    throw error;
  } finally {
    await rm(outputFile, { force: true });
  }
}

/** Follows the file until the tool has exited and what it may print is handed on; answers its exit code. */
async function handOn({ outputFile, output, limits, hold }: Tool, { exit }: Running, onExit: () => void) {
  const most = limits.outputMb * megabyte;
  const written = await open(outputFile, 'r');
  let offset = 0;
  let isHeld = false;
  const readOn = async (mayHold: boolean): Promise<void> => {
    while (offset < most && !(mayHold && isHeld)) {
      const { bytesRead, buffer } = await written.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, offset);
      if (bytesRead === 0) return;
      const chunk = buffer.subarray(0, bytesRead);
      // Asked after reading: what is read before a moment was written before it. What is held stays in the file.
      const size = mayHold && hold ? hold.before(chunk) : bytesRead;
      isHeld ||= size < bytesRead;
      offset += size;
      await output(chunk.subarray(0, size));
    }
  };
  try {
    for (;;) {
      const exited = await Promise.race([exit, sleep(lookMs)]);
      if (exited) onExit();
      await readOn(true);
      if (!exited) continue;
      if (isHeld && (await hold?.until(exited[0]))) await readOn(false);
      return exited[0];
    }
  } finally {
    await written.close();
  }
}
