/** How long things may take in an account: every word of a worker or a follower is an invocation that somebody pays for. */

/** A worker that was not heard of for so long is lost. */
export const leaseMs = 60_000;
export const heartbeatMs = 5_000;
/** From SIGINT to SIGKILL, as long as Fargate waits for a task that it stops. */
export const graceMs = 120_000;
/** How long a follower waits before it asks again. */
export const pollMs = 2_000;
