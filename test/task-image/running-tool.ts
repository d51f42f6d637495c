/** A shell script that runs as a worker's tool, and what a test may ask of it meanwhile. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { usualSettings } from '../../policies/allowlist.ts';
import { runTool, type Tool, type ToolEnd } from '../../task-image/subprocess.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface RunningTool {
  readonly ended: Promise<ToolEnd>;
  readonly stop: () => void;
  readonly output: () => string;
  /** Waits until the tool has printed this. */
  readonly printed: (words: string) => Promise<void>;
  readonly directory: string;
}

export function startTool(script: string, differences: Partial<Tool> = {}): RunningTool {
  const directory = temporaryDirectory('tool');
  const stop = new AbortController();
  let output = '';
  const ended = runTool({
    file: '/bin/sh',
    argv: ['-c', script],
    cwd: directory,
    env: { PATH: '/usr/bin:/bin' },
    stop: stop.signal,
    graceMs: () => 10_000,
    isolation: { kind: 'none', why: 'a test' },
    view: { readOnly: [], readWrite: [directory] },
    limits: usualSettings,
    outputFile: join(directory, 'out'),
    output: chunk => {
      output += chunk.toString();
    },
    ...differences,
  });
  const printed = async (words: string) => {
    for (let waits = 0; !output.includes(words); waits += 1) {
      if (waits > 500) throw new Error(`not printed: ${words}: ${output}`);
      await sleep(10);
    }
  };
  return { ended, stop: () => stop.abort('canceled'), output: () => output, printed, directory };
}
