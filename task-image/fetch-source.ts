/** From the record of a run to the files of one commit: key, refs, proof, tree, checkout, and the plan to apply. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Repository, StackSettings } from '../policies/allowlist.ts';
import type { Asker } from '../policies/contract/identity.ts';
import type { Request } from '../policies/contract/request.ts';
import type { SourceAnswer } from '../policies/contract/worker.ts';
import { type AllowedRef, allowsRef } from '../policies/evaluate.ts';
import { fullRef } from '../policies/ref.ts';
import { checkout } from './checkout.ts';
import type { Control } from './control.ts';
import { takeDeployKey } from './deploy-key.ts';
import { homeDir } from './environment.ts';
import { Failure } from './failure.ts';
import { type Git, newRepository } from './git.ts';
import { type Places, planFile } from './places.ts';
import { fetchPlan } from './plan-transfer.ts';
import { chooseRef, fetchCommit, proveAncestry, remoteRefs, type Source } from './source.ts';
import { toolProcesses } from './tool-processes.ts';
import { checkTree, readTree } from './tree.ts';
import { watch } from './usage.ts';

/** What the door was asked, as the worker has reviewed it. */
export interface Asked {
  readonly request: Request;
  readonly repository: Repository;
  readonly refs: readonly AllowedRef[] | 'reachable';
  readonly asker: Asker;
  readonly settings: StackSettings;
}

/** Clone, commit, tree, files, and the plan to apply. The deploy key lives in here only. */
export async function fetchSource(control: Control, places: Places, asked: Asked): Promise<SourceAnswer> {
  const { request, repository, settings } = asked;
  const key = await takeDeployKey(repository, places.runDir, control.masker.hide, control.keySession());
  const limited = limits(settings, [places.cloneDir, historyDir(places)]);
  try {
    const parts = {
      url: repository.url,
      path: places.path,
      home: homeDir(places.runDir),
      runId: control.claimed.run,
      stop: AbortSignal.any([control.stop, limited.signal]),
      ...(key.sshCommand === undefined ? {} : { sshCommand: key.sshCommand }),
    };
    const git = newRepository(places.cloneDir, parts);
    const history = () => newRepository(historyDir(places), parts);
    const source = await pin(git, history, asked, control.claimed.commit);
    checkTree(await readTree(git, source.commit, request.path), request.path, settings.binary);
    const answer = await control.source(source);
    await checkout(git, places.cloneDir, source.commit, request.path);
    if (answer.plan) writeFileSync(planFile(places.runDir), await fetchPlan(control, answer.plan), { mode: 0o600 });
    return answer;
  } catch (error) {
    throw limited.failure() ?? error;
  } finally {
    limited.end();
    await key.drop();
  }
}

const historyDir = ({ runDir }: Places): string => join(runDir, 'history');

/** Git is held to what the run may use: a few kilobytes of a repository can be ten million files in a clone. */
function limits(settings: StackSettings, places: readonly string[]) {
  const stop = new AbortController();
  let failure: Failure | undefined;
  const end = watch({
    processes: () => (toolProcesses(process.pid) ?? []).filter(one => one.pid !== process.pid),
    places,
    limits: settings,
    exceeded: ({ code, message, fix }) => {
      failure = new Failure(code, message, fix);
      stop.abort();
    },
  });
  return { signal: stop.signal, failure: () => failure, end };
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
