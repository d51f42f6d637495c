/** What a run leaves on this machine: a state that its backend did not take is kept, its directories are removed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { RunRecord } from '../run.ts';
import { findErroredState } from './errored-state.ts';

export interface LeavingsParts {
  readonly work: string;
  /** Where `rm` and `chmod` are looked for first. */
  readonly path: string;
  readonly report: (run: string, words: string) => void;
}

export interface Leavings {
  /** Frees these places at once, whatever is in them; removing it may take its time. */
  readonly discard: (run: string, places: readonly string[]) => void;
  /** Before its clone is discarded: keeps what only an apply that failed can have left. */
  readonly keepErroredState: (run: RunRecord, clone: string, kept: string) => void;
}

const mark = '.left-by-';
const deadlineMs = 600_000;

/** Removes first what a server before it did not come to remove. */
export function leavings({ work, path, report }: LeavingsParts): Leavings {
  let removing = Promise.resolve();
  const remove = (directory: string): void => {
    // One that fails keeps none of the others from being removed.
    removing = removing
      .then(() => removed(directory, `${path}:/usr/bin:/bin`))
      .catch((error: Error) => report('none', `\`${directory}\` cannot be removed: ${error.message}`));
  };
  for (const name of namesIn(work)) if (name.includes(mark)) remove(join(work, name));

  return {
    discard: (run, places) => {
      for (const place of places)
        try {
          const aside = `${place}${mark}${run}`;
          if (isThere(place)) renameSync(place, aside);
          remove(aside);
        } catch (error) {
          report(run, `\`${place}\` cannot be put aside: ${(error as Error).message}`);
        }
    },
    keepErroredState: ({ id, state, request }, clone, kept) => {
      if (request.command !== 'apply' || state === 'succeeded') return;
      const errored = findErroredState(clone, request.path);
      if (errored === undefined) return;
      try {
        // Moved, not copied: it may have holes, and be larger than the disk.
        renameSync(errored, kept);
      } catch (error) {
        renameSync(clone, `${clone}.errored-by-${id}`);
        report(id, `the state that the backend did not take stays in \`work/\`: ${(error as Error).message}`);
      }
    },
  };
}

const isThere = (place: string): boolean => lstatSync(place, { throwIfNoEntry: false }) !== undefined;

/** In a process of its own, which neither holds the server up nor minds depths that no path can name. */
async function removed(directory: string, path: string): Promise<void> {
  await told('rm', ['-rf', '--', directory], path);
  if (!isThere(directory)) return;
  // Links are not followed.
  await told('chmod', ['-R', 'u+rwX', '--', directory], path);
  await told('rm', ['-rf', '--', directory], path);
}

async function told(file: string, argv: readonly string[], path: string): Promise<void> {
  const signal = AbortSignal.timeout(deadlineMs);
  const child = spawn(file, argv, { env: { PATH: path }, stdio: 'ignore', detached: true, signal });
  // A server that stops does not wait for it.
  child.unref();
  // What it cannot do now is tried again at the next start.
  await once(child, 'exit').catch(() => {});
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
