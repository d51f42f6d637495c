/** One run from claim to finish: the steps in their order, and the cleaning up on every way out. */
import { join } from 'node:path';
import { checkAllowlist } from '../policies/check-policy.ts';
import type { Finish, SourceAnswer } from '../policies/contract/worker.ts';
import { type Reviewed, review } from '../policies/review.ts';
import { stackSettings } from '../policies/stack.ts';
import { realBinary } from './binary.ts';
import type { Control, StopReason } from './control.ts';
import { type ErroredState, erroredState } from './errored-state.ts';
import { Failure, orFail, problemOf } from './failure.ts';
import { fetchSource } from './fetch-source.ts';
import { gate } from './gate/gate.ts';
import { type HclReader, hclReader } from './hcl/reader.ts';
import { initialise } from './initialise.ts';
import type { Isolation } from './isolation.ts';
import { lockDigest, placeLockFile } from './lock-file.ts';
import { passGate } from './pass-gate.ts';
import { clean, type Places, planFile, prepare } from './places.ts';
import { readPlan } from './plan-file.ts';
import { type Initialised, provePlan } from './plan-proof.ts';
import { planSummary } from './plan-summary.ts';
import { storePlan } from './plan-transfer.ts';
import { withProviderCache } from './provider-cache.ts';
import { readRegular } from './read-file.ts';
import { takeRunCredentials } from './run-credentials.ts';
import { type Terraform, terraform } from './terraform.ts';

/** Works the claimed run off and tells its end. Never throws for what happens inside the run. */
export async function work(control: Control, places: Places, isolation: Isolation): Promise<void> {
  const { command, path } = control.claimed.request;
  const state = erroredState(control, join(places.cloneDir, path));
  const ended = await steps(control, places, isolation, state).catch(error => endOf(error, control.stop));
  const report = command === 'apply' ? await state.toldIn(ended) : ended;
  try {
    // Told first: what a run has left must not change how it ended.
    await control.finish(report);
  } finally {
    // The clone of an apply that failed may hold the only record of what it has made: the launcher looks, and removes it.
    const isLaunchers = command === 'apply' && report.outcome !== 'succeeded';
    clean([places.dataDir, places.runDir, ...(isLaunchers ? [] : [places.cloneDir])]);
  }
}

async function steps(control: Control, places: Places, isolation: Isolation, state: ErroredState): Promise<Finish> {
  const { request, repository, refs } = reviewed(control);
  const settings = stackSettings(repository, request.path);
  // Before anything is fetched: a missing tool is nobody's fault but the installation's.
  realBinary(settings, places.path);
  prepare(places, settings);
  const answer = await fetchSource(control, places, {
    request,
    repository,
    refs,
    asker: control.claimed.asker,
    settings,
  });
  const cwd = join(places.cloneDir, request.path);
  const { stack, downloaded } = gate({
    root: places.cloneDir,
    path: request.path,
    repository,
    settings,
    openReader: () => openReader(control, places, isolation),
  });
  await control.phase('gate');
  guard(control);
  await passGate(control, await stack(), request.path);
  await control.phase('init');
  guard(control);
  const file = planFile(places.runDir);
  if (answer.plan) placeLockFile(cwd, settings.lockFile, readPlan(planBytes(file)), answer.plan);
  const credentials = await takeRunCredentials(control, settings);
  try {
    const tool = terraform({ control, settings, cwd, isolation, keepState: state.keep, ...credentials, ...places });
    await withProviderCache({ control, settings, cwd, ...places }, () =>
      initialise({ control, tool, places, repository, settings, isolation }),
    );
    guard(control);
    await passGate(control, await downloaded(places.dataDir), request.path);
    guard(control);
    // Told from what `init` has left: what is planned could write another.
    const digest = lockDigest(cwd);
    const { dataDir } = places;
    const { binary } = settings;
    const report =
      request.command === 'plan'
        ? await plan(control, tool, answer, file, binary)
        : await apply(control, tool, file, { cwd, dataDir, binary }, state);
    return { ...report, ...(digest === undefined ? {} : { lockDigest: digest }) };
  } finally {
    await credentials.drop();
  }
}

/** What planned code could write is not believed: where nothing keeps it away, readings are not kept. */
const openReader = ({ claimed }: Control, { cacheDir }: Places, { kind }: Isolation): HclReader => {
  const isKept = cacheDir !== undefined && kind !== 'none';
  return hclReader({ runId: claimed.run, ...(isKept ? { cacheDir: join(cacheDir, 'hcl') } : {}) });
};

/** The same pure policy as at the door, on the record as it was claimed. */
function reviewed({ claimed: { policy, request, repoName: repo, asker } }: Control): Reviewed {
  return orFail(review(orFail(checkAllowlist(policy)), { request, repo, asker }));
}

async function plan(
  control: Control,
  tool: Terraform,
  answer: SourceAnswer,
  file: string,
  binary: string,
): Promise<Finish> {
  await control.phase('plan');
  guard(control);
  const { hasChanges, json } = await tool.plan(file);
  guard(control);
  const { counts, changes, version } = planSummary(json);
  guard(control);
  await control.phase('finish');
  const bytes = planBytes(file);
  const { state } = readPlan(bytes);
  if (answer.keepPlan) await storePlan(control, bytes);
  return {
    outcome: 'succeeded',
    hasChanges,
    counts,
    changes: [...changes],
    state,
    ...(version === undefined ? {} : { tool: { binary, version } }),
  };
}

async function apply(
  control: Control,
  tool: Terraform,
  file: string,
  initialised: Initialised,
  state: ErroredState,
): Promise<Finish> {
  // As it lies there now, which is what will be applied.
  const saved = readPlan(planBytes(file));
  provePlan(saved, initialised);
  const { before } = saved.state;
  await tool.show(file);
  await state.prepare();
  await control.phase('apply');
  guard(control);
  await tool.apply(file);
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

function planBytes(file: string): Buffer {
  const bytes = readRegular(file);
  if (bytes === undefined) throw new Failure('E_PLAN', 'there is no plan file where one was to be made', 'plan again');
  return bytes;
}
