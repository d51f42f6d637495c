import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import { designRules } from '../end-to-end/installation.ts';
import { freePort } from '../support/free-port.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Server, startServer } from '../support/server.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ended, refused } from './stage.ts';

const stack = 'resource "terraform_data" "x" {\n  input = "x"\n}\n';
const files = {
  'prod/vpc/main.tf': stack,
  'prod/gone/main.tf': stack,
  'prod/file': 'text',
  'prod/link': { link: 'vpc' },
  'prod/module': { submodule: 'f'.repeat(40) },
  'prod/linked-file/main.tf': { link: '../vpc/main.tf' },
  'prod/state/main.tf': stack,
  'prod/state/terraform.tfstate': '{"version": 4, "serial": 7}',
};

describe.skipIf(requires('sshd', 'terraform'))('a run whose repository', { timeout: 90_000 }, () => {
  let sshd: Sshd;
  let repository: Repository;
  let server: Server;
  const missingKey = join(temporaryDirectory('key'), 'gone');

  beforeAll(async () => {
    sshd = await startSshd();
    repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    const impostor = await startSshd();
    await impostor.stop();
    const closed = await freePort();
    const section = (name: string, differences: object = {}) => ({
      // A policy has one section per url; where the connection already fails, what would be there is of no account.
      url: sshd.url(`${repository.dir}${name}`),
      deploy_key: `file:${sshd.deployKeyFile}`,
      known_hosts: sshd.knownHosts,
      rules: designRules,
      ...differences,
    });
    const otherKey = readFileSync(`${sshd.deployKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    const repositories = {
      live: section(''),
      closed: section('', {
        url: `ssh://git@127.0.0.1:${closed}${repository.dir}`,
        known_hosts: sshd.knownHosts.replace(`:${sshd.port}`, `:${closed}`),
      }),
      absent: section('-absent'),
      'other-host-key': section('-1', { known_hosts: `[127.0.0.1]:${sshd.port} ${otherKey}` }),
      'other-key': section('-2', { deploy_key: `file:${impostor.deployKeyFile}` }),
      'no-key': section('-3', { deploy_key: `file:${missingKey}` }),
    };
    server = await startServer({ policy: JSON.stringify({ version: 1, repositories }) });
  });
  afterAll(async () => {
    await server?.stop();
    await sshd?.stop();
  });

  const asked = (differences: Partial<RequestBody> = {}): RequestBody => ({
    command: 'plan',
    repo: 'live',
    path: 'prod/vpc',
    ref: 'main',
    ...differences,
  });

  test('is there can be planned: what the others lack is what they fail for', async () => {
    expect(await ended(server, asked())).toMatchObject({ state: 'succeeded' });
  });

  test.each([
    ['cannot be reached', 'closed', 'E_REPO_UNREACHABLE'],
    ['is not on its server', 'absent', 'E_REPO_UNREACHABLE'],
    ['is on a server with another host key', 'other-host-key', 'E_HOST_KEY'],
    ['does not take the deploy key', 'other-key', 'E_DEPLOY_KEY'],
    ['has a deploy key that is not there', 'no-key', 'E_DEPLOY_KEY'],
  ])('%s fails with its own code', async (_what, repo, code) => {
    expect(await refused(server, asked({ repo }), code)).toMatchObject({ exitCode: 1 });
  });

  test('cannot be reached fails in the same way when the commit is known, and fetched meanwhile', async () => {
    const sha = repository.id('main');
    await refused(server, asked({ repo: 'closed', sha }), 'E_REPO_UNREACHABLE');
    await refused(server, asked({ repo: 'other-host-key', sha }), 'E_HOST_KEY');
  });

  test.each([
    ['a directory that is not there', 'prod/nothing', 'E_PATH_NOT_A_STACK'],
    ['a file', 'prod/file', 'E_PATH_NOT_A_STACK'],
    ['a link', 'prod/link', 'E_PATH_LINKED'],
    ['a submodule', 'prod/module', 'E_PATH_LINKED'],
    ['a linked main.tf', 'prod/linked-file', 'E_PATH_LINKED'],
    ['a committed state', 'prod/state', 'E_STATE_COMMITTED'],
  ])('has %s at the path is refused', async (_what, path, code) => {
    const run = await refused(server, asked({ path }), code);
    expect(run).toMatchObject({ exitCode: 5 });
    expect(run.error?.message).toContain(`\`${path}`);
  });

  test('has the path no more at this commit is refused', async () => {
    const before = repository.id('main');
    repository.commit('later', { 'prod/gone/main.tf': null }, { from: 'main' });
    await refused(server, asked({ path: 'prod/gone', ref: 'later' }), 'E_PATH_NOT_A_STACK');
    expect(await ended(server, asked({ path: 'prod/gone', ref: 'later', sha: before }))).toMatchObject({
      state: 'succeeded',
      commit: before,
    });
  });

  test('has no such commit is refused', async () => {
    const sha = 'f'.repeat(40);
    await refused(server, asked({ ref: sha }), 'E_COMMIT_NOT_REACHABLE');
    await refused(server, asked({ sha }), 'E_COMMIT_NOT_REACHABLE');
  });

  test('has lost the commit that was planned is refused at the apply', async () => {
    repository.commit('main', { 'prod/vpc/extra.tf': '# soon gone\n' });
    const plan = await ended(server, asked());
    repository.git('update-ref', 'refs/heads/main', `${plan.commit}~1`);
    repository.git('reflog', 'expire', '--all', '--expire=now');
    repository.git('gc', '--quiet', '--prune=now');
    const apply = asked({ command: 'apply', planId: plan.id });
    await refused(server, apply, 'E_COMMIT_NOT_REACHABLE');
  });

  test('has lost the branch is refused', async () => {
    await refused(server, asked({ ref: 'refs/heads/nothing' }), 'E_REF_NOT_FOUND');
  });

  test('gets another host key between two runs fails in the second one', async () => {
    await sshd.newHostKey();
    await refused(server, asked(), 'E_HOST_KEY');
  });

  test('is down is told from one that refuses', async () => {
    await sshd.stop();
    await refused(server, asked(), 'E_REPO_UNREACHABLE');
  });
});
