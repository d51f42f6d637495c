/** Settles what is asked for: flag, environment and config file first, then GitLab CI or the working copy, then defaults. */
import type { Command, RequestBody } from '../policies/contract/request.ts';
import { parseDuration } from './duration.ts';
import { done, fail, type Outcome } from './failure.ts';
import type { GitFacts } from './git.ts';
import { type PipelineFacts, readPipeline } from './gitlab-ci.ts';
import type { Given, Setting } from './given.ts';
import type { Env } from './invocation.ts';
import { findServer } from './server.ts';

export interface Settings {
  readonly command: Setting<Command>;
  readonly path: Setting;
  readonly ref: Setting;
  readonly repo?: Setting;
  readonly sha?: Setting;
  /** Subject of the commit, where CI says it; shown, never sent. */
  readonly title?: string;
  readonly planId?: Setting;
  readonly server: Setting;
  readonly requestId: string;
  readonly timeout?: Setting<number>;
}

/** The working copy is asked only outside CI, and only for what nobody said. */
export const needsGit = (given: Given, env: Env): boolean =>
  !readPipeline(env) && !(given.has('path') && given.has('ref'));

/** `git` is absent when it was not needed or there is no working copy; `newId` names the request when nobody did. */
export function settle(given: Given, env: Env, git: GitFacts | undefined, newId: () => string): Outcome<Settings> {
  const command = findCommand(given);
  if (!command.ok) return command;
  const path = findPath(given, git);
  if (!path.ok) return path;
  const source = findSource(given, readPipeline(env), git);
  if (!source.ok) return source;
  const server = findServer(given);
  if (!server.ok) return server;
  const timeout = findTimeout(given);
  if (!timeout.ok) return timeout;

  const repo = given.get('repo');
  const planId = given.get('plan-id');
  if (planId && command.value.value !== 'apply') {
    return fail('E_USAGE', `\`${planId.source}\` goes with apply only`, 'leave it out, or write  --command apply');
  }
  return done({
    command: command.value,
    path: path.value,
    ...source.value,
    ...(repo ? { repo } : {}),
    ...(planId ? { planId } : {}),
    server: server.value,
    requestId: given.get('request-id')?.value ?? newId(),
    ...(timeout.value ? { timeout: timeout.value } : {}),
  });
}

export const requestOf = ({ command, path, ref, repo, sha, planId, requestId }: Settings): RequestBody => ({
  command: command.value,
  path: path.value,
  ref: ref.value,
  ...(repo ? { repo: repo.value } : {}),
  ...(sha ? { sha: sha.value } : {}),
  ...(planId ? { planId: planId.value } : {}),
  requestId,
});

function findCommand(given: Given): Outcome<Setting<Command>> {
  const setting = given.get('command');
  if (setting?.value === 'plan' || setting?.value === 'apply') {
    return done({ value: setting.value, source: setting.source });
  }
  return fail('E_USAGE', 'nothing to do', 'write  infra-deployer --command plan --path PATH  (--help shows more)');
}

function findPath(given: Given, git: GitFacts | undefined): Outcome<Setting> {
  const path = given.get('path');
  if (path) return done(path);
  if (git && git.prefix !== '') return done({ value: git.prefix, source: 'current directory' });
  return fail('E_USAGE', 'no path is given', 'name the stack:  --path prod/vpc');
}

type Source = Pick<Settings, 'ref' | 'sha' | 'title'>;

/** A commit is only sent along with the ref it was found on. */
function findSource(given: Given, pipeline: PipelineFacts | undefined, git: GitFacts | undefined): Outcome<Source> {
  const ref = given.get('ref');
  const asked = given.get('sha');
  const sha = asked ? { sha: asked } : {};
  if (pipeline?.ref && (!ref || names(pipeline.ref.value, ref.value))) {
    const isSame = asked === undefined || asked.value === pipeline.sha?.value;
    return done({
      ref: ref ?? pipeline.ref,
      ...(pipeline.sha ? { sha: pipeline.sha } : {}),
      ...(pipeline.title && isSame ? { title: pipeline.title } : {}),
      ...sha,
    });
  }
  if (ref) return done({ ref, ...sha });
  if (pipeline) return fail('E_SETTINGS', 'this GitLab job does not say which ref it runs for', refFix);
  const pushed = findPushed(git);
  return pushed.ok ? done({ ...pushed.value, ...sha }) : pushed;
}

/** `main` names `refs/heads/main`. */
const names = (full: string, ref: string) =>
  full === ref || full === `refs/heads/${ref}` || full === `refs/tags/${ref}`;

/** The server fetches from the repository: what is not pushed there would silently not be planned. */
function findPushed(git: GitFacts | undefined): Outcome<Pick<Settings, 'ref' | 'sha'>> {
  if (!git) return fail('E_SETTINGS', 'no ref is given, and this is not a git working copy', refFix);
  const { branch, upstream, head, uncommitted, unpushed } = git;
  if (branch === undefined) return fail('E_NOT_PUSHED', 'HEAD is on no branch, so there is no ref to take', refFix);
  if (upstream === undefined || head === undefined) {
    return fail('E_NOT_PUSHED', `branch \`${branch}\` has no upstream`, `git push -u origin ${branch}\nor ${refFix}`);
  }
  const work = [...some(unpushed, 'not pushed: '), ...some(uncommitted, 'not committed: ')];
  if (work.length > 0) {
    const [what, todo] =
      uncommitted.length > 0 ? ['uncommitted changes', 'commit and push them'] : ['commits not pushed', 'git push'];
    return {
      ok: false,
      failure: {
        code: 'E_NOT_PUSHED',
        message: `branch \`${branch}\` has ${what}, which the server cannot see`,
        reasons: work.map(message => ({ message })),
        fix: `${todo}\nor take what is pushed:  --ref ${upstream.replace(/^refs\/heads\//, '')}`,
      },
    };
  }
  return done({ ref: { value: upstream, source: `upstream of ${branch}` }, sha: { value: head, source: 'HEAD' } });
}

const refFix = 'name one:  --ref main';

function some(items: readonly string[], before: string, most = 5): string[] {
  const shown = items.slice(0, most).map(item => `${before}${item}`);
  return items.length > most ? [...shown, `… ${items.length - most} more`] : shown;
}

export function findTimeout(given: Given): Outcome<Setting<number> | undefined> {
  const timeout = given.get('timeout');
  if (!timeout) return done(undefined);
  const value = parseDuration(timeout.value);
  if (value !== undefined) return done({ value, source: timeout.source });
  return fail('E_USAGE', `\`${timeout.source}\` is not a duration: \`${timeout.value}\``, 'write  90s, 30m or 1h30m');
}
