import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from './command.ts';
import { gitEnvironment } from './environment.ts';
import { bareRepository } from './repository.ts';
import { requires } from './requirements.ts';
import { type Sshd, startSshd } from './sshd.ts';
import { temporaryDirectory } from './temporary-directory.ts';

describe.skipIf(requires('sshd'))('the private sshd', () => {
  let sshd: Sshd;
  const dir = temporaryDirectory();
  const repository = bareRepository(join(dir, 'infra.git'), { 'prod/vpc/main.tf': '# vpc\n' });

  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());

  function ssh(knownHosts = sshd.knownHosts): string {
    const file = join(temporaryDirectory(), 'known_hosts');
    writeFileSync(file, `${knownHosts}\n`);
    const options = `-o UserKnownHostsFile=${file} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o BatchMode=yes`;
    return `ssh -F none -i ${sshd.deployKeyFile} ${options}`;
  }
  const git = (args: readonly string[], command = ssh()) =>
    run('git', args, { env: gitEnvironment({ GIT_SSH_COMMAND: command }) });

  test('serves a clone to the deploy key', async () => {
    const clone = join(temporaryDirectory(), 'clone');
    const { status, stderr } = await git(['clone', '--quiet', sshd.url(repository.dir), clone]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(readFileSync(join(clone, 'prod/vpc/main.tf'), 'utf8')).toBe('# vpc\n');
  });

  test('serves a filtered fetch of one commit by its id', async () => {
    const old = repository.id('main');
    repository.commit('main', { 'prod/vpc/main.tf': '# newer\n' });
    const clone = join(temporaryDirectory(), 'clone');
    await git(['init', '--quiet', clone]);
    const url = sshd.url(repository.dir);
    const fetched = await git(['-C', clone, 'fetch', '--quiet', '--depth=1', '--filter=blob:none', url, old]);
    expect(fetched).toMatchObject({ status: 0, stderr: '' });
    expect((await git(['-C', clone, 'rev-parse', 'FETCH_HEAD'])).stdout.trim()).toBe(old);
  });

  test('gives no shell to the deploy key', async () => {
    const [file = '', ...args] = ssh().split(' ');
    const marker = join(dir, 'marker');
    const target = `${sshd.user}@127.0.0.1`;
    const { status } = await run(file, [...args, '-p', `${sshd.port}`, target, `touch ${marker}`]);
    expect(status).not.toBe(0);
    expect(existsSync(marker)).toBe(false);
  });

  test('refuses a key that is not the deploy key', async () => {
    const other = ssh().replace(sshd.deployKeyFile, join(dir, 'no_such_key'));
    const { status, stderr } = await git(['ls-remote', sshd.url(repository.dir)], other);
    expect(status).toBe(128);
    expect(stderr).toContain('Permission denied (publickey)');
  });

  test('is refused by a client that pinned the host key it had before', async () => {
    const before = ssh();
    await sshd.newHostKey();
    const { status, stderr } = await git(['ls-remote', sshd.url(repository.dir)], before);
    expect(status).toBe(128);
    expect(stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
    expect(await git(['ls-remote', sshd.url(repository.dir)], ssh())).toMatchObject({ status: 0 });
  });
});
