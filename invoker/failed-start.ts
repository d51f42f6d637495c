/** What becomes of a run whose worker did not come: it waits and is tried again while that may help, then it fails. Pure. */
import type { Problem } from '../policies/contract/error.ts';
import { isLive } from '../policies/contract/run.ts';
import { withoutColour } from '../policies/printable.ts';
import type { NotStarted } from './ledger.ts';
import { failToStart, type RunRecord, release, requeue } from './run.ts';

/** The wait after the first failure; it doubles with each, up to `longestMs`. */
const firstMs = 5_000;
const longestMs = 60_000;

/**
 * `started` is the run as its worker was started, `run` as it is now. INVARIANT: a run that was claimed is answered as it
 * is: what was thought to have failed has come after all, and nobody else may have its ticket.
 */
export function afterFailedStart(
  run: RunRecord,
  started: RunRecord,
  { failed, again, isCrowded }: NotStarted,
  now: number,
  retryMs: number,
): RunRecord {
  if (run.tokenHash !== undefined) return run;
  if (!isLive(run)) return release(run);
  // Somebody else has seen the same failure, and this is a later start.
  if (run.state !== 'starting' || run.ticketHash !== started.ticketHash) return run;
  const count = (run.failedStarts?.count ?? 0) + 1;
  // Who waits for room has as much patience left when there is some as at first.
  const since = isCrowded ? now : (run.failedStarts?.since ?? run.startedAt ?? now);
  const notBefore = now + Math.min(firstMs * 2 ** (count - 1), longestMs);
  if (again && notBefore - since <= retryMs) return requeue(run, { count, since, notBefore }, now);
  return failToStart(run, problemOf(failed, count), now);
}

const problemOf = (failed: string, count: number): Problem => ({
  code: 'E_WORKER_START',
  message: `the worker could not be started${count === 1 ? '' : `, tried ${count} times`}: ${inWords(failed)}`,
});

/** One printable line of bounded length, whatever the platform said. */
export const inWords = (text: string): string =>
  withoutColour(text.slice(0, 4000).replaceAll(/\s+/g, ' ').trim()).slice(0, 500);
