/** One run from claim to finish: the steps in their order, and the cleaning up on every way out. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Repository, StackSettings } from '../policies/allowlist.ts';
import { checkAllowlist } from '../policies/check-policy.ts';
import type { Asker } from '../policies/contract/identity.ts';
import type { Request } from '../policies/contract/request.ts';
import type { Finish, SourceAnswer } from '../policies/contract/worker.ts';
import { type AllowedRef, allowsRef, evaluate } from '../policies/evaluate.ts';
import { fullRef } from '../policies/ref.ts';
import { canonicalRequest } from '../policies/request.ts';
import { stackSettings } from '../policies/stack.ts';
import { checkout } from './checkout.ts';
import type { Control, StopReason } from './control.ts';
import { takeDeployKey } from './deploy-key.ts';
import { cliConfig, cliConfigFile, dataDir, homeDir, temporaryDir } from './environment.ts';
import { Failure, orFail, problemOf } from './failure.ts';
import { type Git, newRepository } from './git.ts';
import { plannedState, planSummary } from './plan-summary.ts';
import { fetchPlan, storePlan } from './plan-transfer.ts';
import { chooseRef, fetchCommit, proveAncestry, remoteRefs, type Source } from './source.ts';
import { binaryFile, type Terraform, terraform } from './terraform.ts';
import { checkTree, readTree } from './tree.ts';

/** Where a run works. */
export interface Places {
  /** Its own, mode 0700, gone afterwards. Short: sockets lie below it. */
  readonly runDir: string;
  /** Fixed per repository and path: a saved plan holds absolute paths. */
  readonly cloneDir: string;
  /** The state of stacks without a remote backend; absent where every stack must have one. */
  readonly stateFile?: string;
  /** Where git, ssh and Terraform are looked for. */
  readonly path: string;
}

/** Works the claimed run off and tells its end. Never throws for what happens inside the run. */
export async function work(control: Control, places: Places): Promise<void> {
  const report = await steps(control, places).catch(error => endOf(error, control.stop));
  try {
    // Told first: what a run has left must not change how it ended.
    await control.finish(report);
  } finally {
    clean(places);
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
  await tool.init();
  guard(control);
  const planFile = join(runDir, 'plan');
  const report =
    request.command === 'plan' ? await plan(control, tool, answer, planFile) : await apply(control, tool, planFile);
  const lockDigest = digestOfFile(join(cwd, '.terraform.lock.hcl'));
  return {
    ...report,
    ...(lockDigest === undefined ? {} : { lockDigest }),
    ...(report.tool ? { tool: { ...report.tool, binary: settings.binary } } : {}),
  };
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

interface Asked {
  readonly request: Request;
  readonly repository: Repository;
  readonly refs: readonly AllowedRef[] | 'reachable';
  readonly asker: Asker;
  readonly settings: StackSettings;
}

/** Clone, commit, tree, files, and the plan to apply. The deploy key lives in here only. */
async function fetchSource(control: Control, places: Places, asked: Asked): Promise<SourceAnswer> {
  const { request, repository, settings } = asked;
  const key = takeDeployKey(repository, places.runDir);
  try {
    const parts = {
      url: repository.url,
      path: places.path,
      home: homeDir(places.runDir),
      runId: control.claimed.run,
      stop: control.stop,
      ...(key.sshCommand === undefined ? {} : { sshCommand: key.sshCommand }),
    };
    const git = newRepository(places.cloneDir, parts);
    const history = () => newRepository(join(places.runDir, 'history'), parts);
    const source = await pin(git, history, asked, control.claimed.commit);
    checkTree(await readTree(git, source.commit, request.path), request.path, settings.binary);
    const answer = await control.source(source);
    await checkout(git, places.cloneDir, source.commit, request.path);
    if (answer.plan) writeFileSync(join(places.runDir, 'plan'), await fetchPlan(control, answer.plan), { mode: 0o600 });
    return answer;
  } finally {
    await key.drop();
  }
}

/**
 * One commit, fetched, and proved to belong to a ref that policy allows. Where the commit is known beforehand it is fetched
 * while the server is asked for its refs and the ancestry is proved: nothing of it is used before all have ended well.
 */
async function pin(
  git: Git,
  history: () => Git,
  { request, repository, refs, asker }: Omit<Asked, 'settings'>,
  wanted?: string,
): Promise<Source> {
  const { ref, command, path } = request;
  const known = ref.kind === 'commit' ? ref.commit : wanted;
  const early = known === undefined ? undefined : fetchCommit(git, known);
  // Heard below, after what explains better why it failed.
  early?.catch(() => {});
  const existing = await remoteRefs(git, refs === 'reachable' ? undefined : refs.map(allowed => allowed.ref));
  const source = refs === 'reachable' ? undefined : chooseRef(ref.text, refs, existing);
  const among = source
    ? [source]
    : existing.filter(({ ref }) => {
        const name = fullRef(ref);
        return name.ok && allowsRef(repository, command, path, name.value, asker) !== undefined;
      });
  const commit = known ?? source?.commit ?? '';
  const proved = await proveAncestry(history, commit, among);
  await (early ?? fetchCommit(git, commit));
  return { ref: proved.ref, commit, tip: proved.commit };
}

async function plan(control: Control, tool: Terraform, answer: SourceAnswer, planFile: string): Promise<Finish> {
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
    ...(version === undefined ? {} : { tool: { binary: '', version } }),
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

function prepare({ runDir, cloneDir }: Places): void {
  rmSync(cloneDir, { recursive: true, force: true });
  for (const directory of [runDir, homeDir(runDir), temporaryDir(runDir), dataDir(runDir)])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(cliConfigFile(runDir), cliConfig, { mode: 0o600 });
}

function clean({ runDir, cloneDir }: Places): void {
  for (const directory of [cloneDir, runDir])
    try {
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // What cannot be removed here is the launcher's to remove.
    }
}

function digestOfFile(file: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return undefined;
  }
}
