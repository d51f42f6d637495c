/** How much time a platform gives a worker. */
import type { WorkerKind } from './run.ts';

/** The longest that Lambda lets a function run: https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html */
export const lambdaTimeoutMs = 900_000;
/** From the start of the function until its worker has claimed the run, and from its last word until it has returned. */
const overheadMs = 30_000;

/** From claim to deadline at most: after that a worker still has the grace to end Terraform in, before the platform ends both. */
export const longestRunMs = (worker: WorkerKind | undefined, graceMs: number): number =>
  worker === 'lambda' ? lambdaTimeoutMs - overheadMs - graceMs : Number.POSITIVE_INFINITY;
