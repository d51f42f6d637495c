import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takeDeployKey } from '../../task-image/deploy-key.ts';
import { freePort } from '../support/free-port.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { cloneOf, problemFrom, runDirectory } from './parts.ts';

describe.skipIf(requires('sshd'))('git over ssh', () => {
  let sshd: Sshd;
  let repository: Repository;
  beforeAll(async () => {
    sshd = await startSshd();
    repository = bareRepository(join(temporaryDirectory(), 'infra.git'), { 'prod/vpc/main.tf': '' });
  });
  afterAll(() => sshd.stop());

  interface Differences {
    readonly url?: string;
    readonly deployKey?: string;
    readonly knownHosts?: string;
  }
  /** What happens to somebody who lists the refs of such a repository. */
  const listing = async (differences: Differences = {}) => {
    const source = {
      url: sshd.url(repository.dir),
      deployKey: `file:${sshd.deployKeyFile}`,
      knownHosts: sshd.knownHosts,
      ...differences,
    };
    const key = await takeDeployKey(source, runDirectory(), () => {});
    try {
      const { git } = cloneOf(source.url, key.sshCommand === undefined ? {} : { sshCommand: key.sshCommand });
      await git(['ls-remote', 'origin']);
      return 'worked';
    } catch (error) {
      return (await problemFrom(() => Promise.reject(error))).code;
    } finally {
      await key.drop();
    }
  };

  test('works with the right key and the right host key', async () => {
    expect(await listing()).toBe('worked');
  });

  test('tells a server that does not answer', async () => {
    const port = await freePort();
    const knownHosts = sshd.knownHosts.replace(`:${sshd.port}`, `:${port}`);
    expect(await listing({ url: `ssh://git@127.0.0.1:${port}/x.git`, knownHosts })).toBe('E_REPO_UNREACHABLE');
  });

  test('tells a name that nobody knows', async () => {
    expect(await listing({ url: 'ssh://git@no-such-host.invalid/x.git' })).toBe('E_REPO_UNREACHABLE');
  });

  test('tells a repository that is not on the server', async () => {
    expect(await listing({ url: sshd.url('/no/such/repository.git') })).toBe('E_REPO_UNREACHABLE');
  });

  test('tells a host key that is another', async () => {
    const other = readFileSync(`${sshd.deployKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    expect(await listing({ knownHosts: `[127.0.0.1]:${sshd.port} ${other}` })).toBe('E_HOST_KEY');
  });

  test('tells a host that the policy has no key for', async () => {
    expect(await listing({ knownHosts: sshd.knownHosts.replace('127.0.0.1', '127.0.0.2') })).toBe('E_HOST_KEY');
    expect(await listing({ knownHosts: '' })).toBe('E_HOST_KEY');
  });

  test('tells a key that the server does not accept', async () => {
    const impostor = await startSshd();
    await impostor.stop();
    expect(await listing({ deployKey: `file:${impostor.deployKeyFile}` })).toBe('E_DEPLOY_KEY');
  });

  test('tells a file that is no key', async () => {
    const file = join(temporaryDirectory(), 'key');
    writeFileSync(file, 'not a key\n', { mode: 0o600 });
    expect(await listing({ deployKey: `file:${file}` })).toBe('E_DEPLOY_KEY');
  });
});
