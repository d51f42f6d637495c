/** When a worker is over that nobody can look at: when the longest that it can go on has passed. Pure. */
import type { RunRecord } from '../run.ts';
import { lambdaTimeoutMs } from '../worker-time.ts';

/** Between the clocks of AWS and of the keeper. */
const marginMs = 10_000;
/** For a task to end in after its worker has. */
const taskEndMs = 600_000;

/**
 * 15 minutes after its claim a function is over, with everything that it started. A task has no such limit: its worker
 * ends at the deadline, and AWS deletes no cluster while one is left in it. What claimed nothing has nothing to go on with.
 */
export function isOverByTime(run: RunRecord, now: number, graceMs: number): boolean {
  const { worker, claimedAt, toldEnd, deadline = 0 } = run;
  if (claimedAt === undefined) return true;
  return worker === 'lambda'
    ? toldEnd === true || now > claimedAt + lambdaTimeoutMs + marginMs
    : now > Math.max(deadline, claimedAt) + graceMs + taskEndMs;
}
