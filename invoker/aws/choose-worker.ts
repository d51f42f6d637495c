/** Decides what runs a run on AWS: a function or a task. Pure. */
import { type StackSettings, usualSettings } from '../../policies/allowlist.ts';
import { ok, type Result, refuse } from '../../policies/contract/error.ts';
import type { Command } from '../../policies/contract/request.ts';
import type { RunRecord } from '../run.ts';
import { longestRunMs } from '../worker-time.ts';

export type Platform = 'lambda' | 'fargate';

export interface Choice {
  readonly command: Command;
  /** As the policy gives them. A deadline that nobody chose says nothing of how long a plan takes. */
  readonly settings: Partial<Pick<StackSettings, 'worker' | 'minutes'>>;
  /** The last runs of the same repository and path. */
  readonly past: readonly Pick<RunRecord, 'request' | 'state' | 'timings'>[];
  /** Never empty. */
  readonly installed: readonly Platform[];
  readonly graceMs: number;
}

/**
 * What the stack asks for, or a refusal where that is not installed. `auto` is what there is; where there are both, Fargate
 * for an apply and for a path that has no history, and Lambda for a plan that leaves a function the grace to end Terraform
 * in, by the deadline that the policy sets for it and by what 95 of 100 of its plans took.
 */
export function chooseWorker({ command, settings, past, installed, graceMs }: Choice): Result<Platform> {
  const { worker = usualSettings.worker, minutes = 0 } = settings;
  if (worker !== 'auto') return installed.includes(worker) ? ok(worker) : notInstalled(worker);
  const [only, other] = installed;
  if (only !== undefined && other === undefined) return ok(only);
  if (command === 'apply') return ok('fargate');
  const usual = percentile95(planDurations(past));
  const longest = longestRunMs('lambda', graceMs);
  return ok(usual !== undefined && Math.max(usual, minutes * 60_000) <= longest ? 'lambda' : 'fargate');
}

const notInstalled = (worker: Platform) =>
  refuse(
    'E_WORKER_START',
    `the policy asks for a \`${worker}\` worker at this path, and this installation has none`,
    'install it with the Terraform module, or change `worker` of the stack',
  );

/**
 * The history of a path: its plans that were made, or were stopped at their deadline, from claim to end. A plan that was
 * refused or failed ended early, and says nothing of how long one takes.
 */
function planDurations(past: Choice['past']): number[] {
  return past
    .filter(({ request, state }) => request.command === 'plan' && (state === 'succeeded' || state === 'timed_out'))
    .map(({ timings: { queue: _queue, worker: _worker, ...working } }) =>
      Object.values(working).reduce((sum, ms) => sum + ms, 0),
    );
}

/** By the nearest rank; of fewer than twenty it is the longest. */
function percentile95(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1];
}
