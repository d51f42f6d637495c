/** Measures what a running tool uses, without trusting anything that it has made. */
import { type Stats, statSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../policies/contract/error.ts';
import { type Limits, mostFiles, overLimit, type Usage } from './limits.ts';
import { namelessBytes } from './nameless-files.ts';
import type { ToolProcess } from './tool-processes.ts';

export interface Watched {
  readonly processes: () => readonly ToolProcess[];
  /** Everything it may write to. */
  readonly places: readonly string[];
  /** Absent where nothing is printed to a file. */
  readonly outputFile?: string;
  readonly limits: Limits;
  readonly exceeded: (problem: Problem) => void;
}

const lookMs = 250;
const mostMs = 2000;

/** Looks until it is told to end, or something is exceeded. */
export function watch({ processes, places, outputFile, limits, exceeded }: Watched): () => void {
  let ended = false;
  const keepLooking = async (measure: () => Promise<Usage>): Promise<void> => {
    while (!ended) {
      const began = Date.now();
      // What cannot be measured now is measured the next time.
      const problem = overLimit(await measure().catch(() => ({})), limits);
      if (problem && !ended) return exceeded(problem);
      // What takes long is done less often: watching must not cost what is watched.
      await sleep(Math.min(Math.max(lookMs, 4 * (Date.now() - began)), mostMs), undefined, { ref: false });
    }
  };
  void keepLooking(async () => {
    const all = processes();
    return {
      processes: all.length,
      threads: all.reduce((sum, { threads }) => sum + threads, 0),
      memoryBytes: all.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
      outputBytes: outputFile === undefined ? 0 : printedTo(outputFile),
    };
  });
  void keepLooking(async () => {
    const { diskBytes = 0, ...written } = await writtenTo(places);
    const nameless = await namelessBytes(processes().map(({ pid }) => pid));
    return nameless === 'hidden'
      ? { uncounted: 'hidden processes', ...written }
      : { ...written, diskBytes: diskBytes + nameless };
  });
  return () => {
    ended = true;
  };
}

/** A file may have room that its size does not tell. */
function printedTo(outputFile: string): number {
  const file = statSync(outputFile, { throwIfNoEntry: false });
  return file ? Math.max(file.size, sizeOf(file)) : 0;
}

/** What the files below these places take. */
export async function writtenTo(places: readonly string[]): Promise<Usage> {
  let diskBytes = 0;
  let entries = 0;
  const waiting = [...places];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const found = await orGone(lstat(place));
    entries += 1;
    if (found === 'hidden') return { uncounted: 'hidden files' };
    diskBytes += found === undefined ? 0 : sizeOf(found);
    if (found === undefined || !found.isDirectory()) continue;
    const names = await orGone(readdir(place));
    if (names === 'hidden') return { uncounted: 'hidden files' };
    for (const name of names ?? []) waiting.push(join(place, name));
    // Before any of them is looked at: that is what takes long.
    if (entries + waiting.length > mostFiles) return { uncounted: 'too many files' };
  }
  return { diskBytes };
}

const sizeOf = ({ blocks }: Stats): number => blocks * 512;

async function orGone<T>(asked: Promise<T>): Promise<T | undefined | 'hidden'> {
  try {
    return await asked;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' || code === 'ENAMETOOLONG' ? 'hidden' : undefined;
  }
}
