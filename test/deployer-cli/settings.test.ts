import { describe, expect, test } from 'vitest';
import { mainCommand } from '../../deployer-cli/commands.ts';
import type { FlagName } from '../../deployer-cli/flags.ts';
import type { GitFacts } from '../../deployer-cli/git.ts';
import { collectGiven } from '../../deployer-cli/given.ts';
import { needsGit, requestOf, settle } from '../../deployer-cli/settings.ts';

type Flags = Partial<Record<FlagName, string>>;
type Env = Record<string, string>;

interface Said {
  readonly flags?: Flags;
  readonly env?: Env;
  readonly config?: Flags;
  readonly git?: GitFacts;
}

const mapOf = (flags: Flags) => new Map(Object.entries(flags) as [FlagName, string][]);

function settled({ flags = {}, env = {}, config, git }: Said) {
  const file = config && { name: '.infra-deployer.yaml', values: mapOf(config) };
  const given = collectGiven(mainCommand.flags, mapOf(flags), env, file);
  return given.ok ? settle(given.value, env, git, () => 'new-id') : given;
}

function settings(said: Said) {
  const result = settled(said);
  if (!result.ok) throw new Error(`${result.failure.message}; ${result.failure.fix}`);
  return result.value;
}

function refusal(said: Said) {
  const result = settled(said);
  if (result.ok) throw new Error('it was accepted');
  const { code, message, fix, reasons } = result.failure;
  return { code, message, fix, ...(reasons ? { reasons: reasons.map(reason => reason.message) } : {}) };
}

const plan: Flags = { command: 'plan', path: 'prod/vpc', server: 'http://127.0.0.1:1' };
const sha = '0b497ce3aa11bb22cc33dd44ee55ff6677889900';
const job: Env = { GITLAB_CI: 'true', CI_COMMIT_SHA: sha, CI_COMMIT_REF_NAME: 'feature/nat' };
const pushed: GitFacts = {
  prefix: '',
  head: sha,
  branch: 'feature/nat',
  upstream: 'refs/heads/feature/nat',
  uncommitted: [],
  unpushed: [],
};

describe('precedence', () => {
  const flags = { ...plan, ref: 'by-flag' };
  const env = { ...job, INFRA_DEPLOYER_REF: 'by-variable', CI_COMMIT_BRANCH: 'by-ci' };
  const config = { ref: 'by-file' };

  test.each([
    [{ flags, env, config }, 'by-flag', '--ref'],
    [{ flags: plan, env, config }, 'by-variable', 'INFRA_DEPLOYER_REF'],
    [{ flags: plan, env: { ...env, INFRA_DEPLOYER_REF: '' }, config }, 'by-file', '.infra-deployer.yaml'],
    [{ flags: plan, env: { ...env, INFRA_DEPLOYER_REF: '' } }, 'refs/heads/by-ci', 'CI_COMMIT_BRANCH'],
    [{ flags: plan, git: pushed }, 'refs/heads/feature/nat', 'upstream of feature/nat'],
  ])('is flag, variable, config file, CI, default: %#', (said: Said, value, source) => {
    expect(settings(said).ref).toEqual({ value, source });
  });

  test('takes every setting from its variable', () => {
    const { command, path, repo, planId, server, requestId, timeout } = settings({
      env: {
        INFRA_DEPLOYER_COMMAND: 'apply',
        INFRA_DEPLOYER_PATH: 'prod/app',
        INFRA_DEPLOYER_REF: 'main',
        INFRA_DEPLOYER_REPO: 'infra-live',
        INFRA_DEPLOYER_PLAN_ID: 'r_1',
        INFRA_DEPLOYER_SERVER: 'https://deploy.example.com/',
        INFRA_DEPLOYER_REQUEST_ID: 'my-request',
        INFRA_DEPLOYER_TIMEOUT: '1h30m',
      },
    });
    expect({ command, path, repo, planId, server, requestId, timeout }).toEqual({
      command: { value: 'apply', source: 'INFRA_DEPLOYER_COMMAND' },
      path: { value: 'prod/app', source: 'INFRA_DEPLOYER_PATH' },
      repo: { value: 'infra-live', source: 'INFRA_DEPLOYER_REPO' },
      planId: { value: 'r_1', source: 'INFRA_DEPLOYER_PLAN_ID' },
      server: { value: 'https://deploy.example.com', source: 'INFRA_DEPLOYER_SERVER' },
      requestId: 'my-request',
      timeout: { value: 5_400_000, source: 'INFRA_DEPLOYER_TIMEOUT' },
    });
  });

  test('reads a switch as on or off, and nothing else', () => {
    const given = (value: string) => collectGiven(['json'], new Map(), { INFRA_DEPLOYER_JSON: value });
    expect(given('true')).toEqual({
      ok: true,
      value: new Map([['json', { value: 'true', source: 'INFRA_DEPLOYER_JSON' }]]),
    });
    expect(given('0')).toEqual({ ok: true, value: new Map() });
    expect(given('maybe')).toMatchObject({ ok: false, failure: { code: 'E_SETTINGS' } });
  });
});

describe('in a GitLab job', () => {
  test.each([
    ['a branch', { CI_COMMIT_BRANCH: 'main' }, 'refs/heads/main', 'CI_COMMIT_BRANCH'],
    ['a tag', { CI_COMMIT_TAG: 'release/1' }, 'refs/tags/release/1', 'CI_COMMIT_TAG'],
    [
      'a merge request',
      {
        CI_MERGE_REQUEST_EVENT_TYPE: 'detached',
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'nat',
        CI_MERGE_REQUEST_IID: '7',
      },
      'refs/heads/nat',
      'CI_MERGE_REQUEST_SOURCE_BRANCH_NAME',
    ],
    [
      'a merge request of a fork',
      {
        CI_MERGE_REQUEST_EVENT_TYPE: 'detached',
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'main',
        CI_MERGE_REQUEST_IID: '7',
        CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '2',
        CI_MERGE_REQUEST_PROJECT_ID: '1',
      },
      'refs/merge-requests/7/head',
      'CI_MERGE_REQUEST_IID',
    ],
    [
      'a merged result',
      { CI_MERGE_REQUEST_EVENT_TYPE: 'merged_result', CI_MERGE_REQUEST_IID: '7' },
      'refs/merge-requests/7/merge',
      'CI_MERGE_REQUEST_IID',
    ],
    ['an unknown kind of pipeline', {}, 'feature/nat', 'CI_COMMIT_REF_NAME'],
  ])('%s is planned at its commit', (_, env, value, source) => {
    const { ref, sha: commit } = settings({ flags: plan, env: { ...job, ...env } });
    expect(ref).toEqual({ value, source });
    expect(commit).toEqual({ value: sha, source: 'CI_COMMIT_SHA' });
  });

  test('the working copy is not asked', () => {
    expect(needsGit(new Map(), job)).toBe(false);
  });

  test("the job's commit goes with the job's ref only", () => {
    const env = { ...job, CI_COMMIT_BRANCH: 'main' };
    expect(settings({ flags: { ...plan, ref: 'main' }, env }).sha?.value).toBe(sha);
    expect(settings({ flags: { ...plan, ref: 'other' }, env }).sha).toBeUndefined();
  });

  test('--sha wins', () => {
    const env = { ...job, CI_COMMIT_BRANCH: 'main', CI_COMMIT_TITLE: 'add nat gateway' };
    const { sha: commit, title } = settings({ flags: { ...plan, sha: 'f'.repeat(40) }, env });
    expect(commit).toEqual({ value: 'f'.repeat(40), source: '--sha' });
    expect(title).toBeUndefined();
  });
});

describe('in a working copy', () => {
  test('what is pushed is asked for', () => {
    expect(requestOf(settings({ flags: plan, git: pushed }))).toEqual({
      command: 'plan',
      path: 'prod/vpc',
      ref: 'refs/heads/feature/nat',
      sha,
      requestId: 'new-id',
    });
  });

  test('the path is the current directory', () => {
    const { path: _, ...noPath } = plan;
    expect(settings({ flags: noPath, git: { ...pushed, prefix: 'prod/app' } }).path).toEqual({
      value: 'prod/app',
      source: 'current directory',
    });
    expect(refusal({ flags: noPath, git: pushed })).toMatchObject({ code: 'E_USAGE', message: 'no path is given' });
  });

  test('with path and ref nothing is read from it, and no commit is sent', () => {
    const flags = { ...plan, ref: 'main' };
    const given = collectGiven(mainCommand.flags, mapOf(flags), {});
    expect(given.ok && needsGit(given.value, {})).toBe(false);
    expect(settings({ flags }).sha).toBeUndefined();
  });

  test('commits that are not pushed are named', () => {
    expect(refusal({ flags: plan, git: { ...pushed, unpushed: ['0b497ce add nat gateway'] } })).toEqual({
      code: 'E_NOT_PUSHED',
      message: 'branch `feature/nat` has commits not pushed, which the server cannot see',
      reasons: ['not pushed: 0b497ce add nat gateway'],
      fix: 'git push\nor take what is pushed:  --ref feature/nat',
    });
  });

  test('uncommitted files are named, five at most', () => {
    const uncommitted = ['a.tf', 'b.tf', 'c.tf', 'd.tf', 'e.tf', 'f.tf', 'g.tf'];
    expect(refusal({ flags: plan, git: { ...pushed, uncommitted } })).toMatchObject({
      code: 'E_NOT_PUSHED',
      message: 'branch `feature/nat` has uncommitted changes, which the server cannot see',
      reasons: [...uncommitted.slice(0, 5).map(file => `not committed: ${file}`), '… 2 more'],
    });
  });

  test('a branch without upstream, and no branch, are refused', () => {
    const { upstream: _, ...local } = pushed;
    expect(refusal({ flags: plan, git: local }).fix).toBe('git push -u origin feature/nat\nor name one:  --ref main');
    const { branch: __, ...detached } = local;
    expect(refusal({ flags: plan, git: detached }).message).toBe('HEAD is on no branch, so there is no ref to take');
    expect(refusal({ flags: plan }).message).toBe('no ref is given, and this is not a git working copy');
  });
});

describe('settings that cannot be', () => {
  const ref = { ref: 'main' };
  test.each([
    [{ path: 'x', ...ref, server: 'http://h' }, 'E_USAGE', 'nothing to do'],
    [{ ...plan, ...ref, command: 'destroy' }, 'E_USAGE', '`--command` is `destroy`'],
    [{ ...plan, ...ref, path: '' }, 'E_USAGE', '`--path` is empty'],
    [{ ...plan, ...ref, 'plan-id': 'r_1' }, 'E_USAGE', '`--plan-id` goes with apply only'],
    [{ ...plan, ...ref, timeout: '30' }, 'E_USAGE', '`--timeout` is not a duration: `30`'],
    [{ command: 'plan', path: 'x', ...ref }, 'E_SETTINGS', 'no server is set'],
    [
      { ...plan, ...ref, server: 'lambda:deployer:$LATEST' },
      'E_SETTINGS',
      '`--server` does not name a function and alias of AWS: `lambda:deployer:$LATEST`',
    ],
    [
      { ...plan, ...ref, server: 'deploy.example.com' },
      'E_SETTINGS',
      '`--server` is not the url of a server: `deploy.example.com`',
    ],
    [{ ...plan, ...ref, server: 'ftp://h' }, 'E_SETTINGS', '`--server` is not the url of a server: `ftp://h`'],
    [
      { ...plan, ...ref, server: 'http://me:secret@h' },
      'E_SETTINGS',
      "`--server` holds a user or password, which a server's url never does",
    ],
  ])('are refused: %j', (flags, code, message) => {
    expect(refusal({ flags })).toMatchObject({ code, message });
  });
});
