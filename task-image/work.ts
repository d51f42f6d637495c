/** One run from claim to finish: the steps in their order, and the cleaning up on every way out. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Repository } from '../policies/allowlist.ts';
import { checkAllowlist } from '../policies/check-policy.ts';
import type { Request } from '../policies/contract/request.ts';
import type { Finish, SourceAnswer } from '../policies/contract/worker.ts';
import { type AllowedRef, evaluate } from '../policies/evaluate.ts';
import { canonicalRequest } from '../policies/request.ts';
import { stackSettings } from '../policies/stack.ts';
import type { Control, StopReason } from './control.ts';
import { Failure, orFail, problemOf } from './failure.ts';
import { fetchSource } from './fetch-source.ts';
import { lockDigest, placeLockFile } from './lock-file.ts';
import { takeModuleKeys } from './module-keys.ts';
import { clean, erroredState, type Places, prepare } from './places.ts';
import { plannedState } from './plan-file.ts';
import { planSummary } from './plan-summary.ts';
import { storePlan } from './plan-transfer.ts';
import { binaryFile, type Terraform, terraform } from './terraform.ts';

/** Works the claimed run off and tells its end. Never throws for what happens inside the run. */
export async function work(control: Control, places: Places): Promise<void> {
  const report = await steps(control, places).catch(error => endOf(error, control.stop));
  try {
    // Told first: what a run has left must not change how it ended.
    await control.finish(report);
  } finally {
    // The only record of what an apply has made is kept by the launcher, with the clone it lies in.
    const isErrored = existsSync(erroredState(join(places.cloneDir, control.claimed.request.path)));
    clean(isErrored ? [places.runDir] : [places.cloneDir, places.runDir]);
  }
}

async function steps(control: Control, places: Places): Promise<Finish> {
  const { request, repository, refs } = reviewed(control);
  const settings = stackSettings(repository, request.path);
  // Before anything is fetched: a missing tool is nobody's fault but the installation's.
  binaryFile(settings.binary, places.path);
  prepare(places);
  const answer = await fetchSource(control, places, {
    request,
    repository,
    refs,
    asker: control.claimed.asker,
    settings,
  });
  const cwd = join(places.cloneDir, request.path);
  const { runDir, path, stateFile } = places;
  const tool = terraform({ control, settings, cwd, runDir, path, ...(stateFile === undefined ? {} : { stateFile }) });
  await control.phase('init');
  guard(control);
  const planFile = join(runDir, 'plan');
  if (answer.plan) placeLockFile(cwd, settings.lockFile, readFileSync(planFile), answer.plan);
  const keys = await takeModuleKeys({
    modules: repository.modules,
    moduleSources: settings.moduleSources,
    runDir,
    runId: control.claimed.run,
    path,
    hide: () => {},
  });
  try {
    await tool.init(keys.environment);
  } finally {
    await keys.drop();
  }
  guard(control);
  // Told from what `init` has left: what is planned could write another.
  const digest = lockDigest(cwd);
  const report =
    request.command === 'plan'
      ? await plan(control, tool, answer, planFile, settings.binary)
      : await apply(control, tool, planFile);
  return { ...report, ...(digest === undefined ? {} : { lockDigest: digest }) };
}

/** The same pure policy as at the door, on the record as it was claimed. */
function reviewed({ claimed }: Control): {
  request: Request;
  repository: Repository;
  refs: readonly AllowedRef[] | 'reachable';
} {
  const request = orFail(canonicalRequest(claimed.request));
  const policy = orFail(checkAllowlist(claimed.policy));
  const { repo: _asked, ...rest } = request;
  const decision = evaluate(policy, { ...rest, repo: claimed.repoName }, claimed.asker);
  if (decision.outcome === 'allow') return { request, repository: decision.repository, refs: decision.refs };
  const [reason] = decision.reasons;
  throw new Failure(reason?.code ?? 'E_DENIED_BY_RULE', reason?.message ?? 'the policy denies this run');
}

async function plan(
  control: Control,
  tool: Terraform,
  answer: SourceAnswer,
  planFile: string,
  binary: string,
): Promise<Finish> {
  await control.phase('plan');
  guard(control);
  const { hasChanges } = await tool.plan(planFile);
  guard(control);
  const { counts, changes, version } = planSummary(await tool.show(planFile));
  guard(control);
  await control.phase('finish');
  const bytes = readFileSync(planFile);
  if (answer.keepPlan) await storePlan(control, bytes);
  return {
    outcome: 'succeeded',
    hasChanges,
    counts,
    changes: [...changes],
    state: plannedState(bytes),
    ...(version === undefined ? {} : { tool: { binary, version } }),
  };
}

async function apply(control: Control, tool: Terraform, planFile: string): Promise<Finish> {
  const { before } = plannedState(readFileSync(planFile));
  await control.phase('apply');
  guard(control);
  await tool.apply(planFile);
  await control.phase('finish');
  const after = await tool.serial();
  return {
    outcome: 'succeeded',
    state: { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) },
  };
}

/** What a run says that did not come to its end. A stop that was asked for outweighs what broke because of it. */
function endOf(error: unknown, stop: AbortSignal): Finish {
  const problem = problemOf(error);
  switch (stop.aborted ? (stop.reason as StopReason) : undefined) {
    case undefined:
      return { outcome: 'failed', error: problem };
    case 'deadline':
      return {
        outcome: 'timed_out',
        error: {
          code: 'E_TIMED_OUT',
          message: 'the run reached its deadline',
          fix: 'have an admin raise `limits.minutes` for this path, or make the stack smaller',
        },
      };
    case 'canceled':
      return { outcome: 'canceled', error: { code: 'E_CANCELED', message: 'the run was canceled' } };
    default:
      return { outcome: 'failed', error: { code: 'E_LOST', message: 'the worker was ended by its platform' } };
  }
}

/** Nothing new begins once the worker must stop. */
function guard({ stop }: Control): void {
  if (stop.aborted) throw new Failure('E_CANCELED', 'the run was stopped');
}
