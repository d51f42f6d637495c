/** What to do where others write at the same time: try again, a little later each time, and not for ever. */
import { setTimeout as pause } from 'node:timers/promises';

/** An attempt that changed nothing because somebody else was faster. */
export const contended: unique symbol = Symbol('contended');

/** With fifty writers at once each comes through in a few seconds. */
const mostAttempts = 60;
const [firstPauseMs, longestPauseMs] = [20, 500];

/** What the first attempt answers that was not contended. */
export async function settled<T>(attempt: () => Promise<T | typeof contended>): Promise<T> {
  for (let attempts = 0; attempts < mostAttempts; attempts += 1) {
    const outcome = await attempt();
    if (outcome !== contended) return outcome;
    // By chance, so that those who met once do not meet again.
    await pause(Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** attempts));
  }
  throw new Error('the ledger has too many writers at once');
}
