import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takeDeployKey } from '../../task-image/deploy-key.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { secretArn, session, startSecrets } from './aws-stub.ts';
import { cloneOf, problemFrom, runDirectory } from './parts.ts';

const ssh = { url: 'git@gitlab.example.com:acme/infra-live.git', knownHosts: 'gitlab.example.com ssh-ed25519 AAAA' };

const hidden: string[] = [];
const hide = (secret: string) => void hidden.push(secret);

const keyFile = (text: string): string => {
  const file = join(temporaryDirectory('key'), 'deploy_key');
  writeFileSync(file, text, { mode: 0o600 });
  return `file:${file}`;
};

describe('the deploy key', () => {
  test('is in files that only this user reads', async () => {
    const directory = runDirectory();
    await takeDeployKey({ ...ssh, deployKey: keyFile('secret\n') }, directory, hide);
    for (const name of ['k', 'hosts']) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  });

  test('is gone once it is dropped, with the host keys', async () => {
    const directory = runDirectory();
    const key = await takeDeployKey({ ...ssh, deployKey: keyFile('secret\n') }, directory, hide);
    await key.drop();
    expect(['k', 'hosts', 's'].filter(name => existsSync(join(directory, name)))).toEqual([]);
  });

  test('is hidden, as it is written', async () => {
    await takeDeployKey({ ...ssh, deployKey: keyFile('a key of its own\r\n') }, runDirectory(), hide);
    expect(hidden).toContain('a key of its own\n');
  });

  test('may be dropped twice', async () => {
    const key = await takeDeployKey({ ...ssh, deployKey: keyFile('secret\n') }, runDirectory(), hide);
    await key.drop();
    await expect(key.drop()).resolves.toBeUndefined();
  });

  test.each([
    ['with Windows line ends', 'begin\r\nbody\r\nend\r\n'],
    ['without a last line end', 'begin\nbody\nend'],
    ['with empty lines after it', 'begin\nbody\nend\n\n\n'],
  ])('is written as ssh wants it: %s', async (_what, text) => {
    const directory = runDirectory();
    await takeDeployKey({ ...ssh, deployKey: keyFile(text) }, directory, hide);
    expect(readFileSync(join(directory, 'k'), 'utf8')).toBe('begin\nbody\nend\n');
  });

  test('is needed by no repository of this machine', async () => {
    const directory = runDirectory();
    const key = await takeDeployKey({ url: '/srv/infra-live.git' }, directory, hide);
    expect(key.sshCommand).toBeUndefined();
    await key.drop();
    expect(existsSync(join(directory, 'k'))).toBe(false);
  });

  test.each([
    ['a file that is missing', 'file:/no/such/key', 'the deploy key cannot be read: ENOENT'],
    ['a directory', 'file:/', 'the deploy key cannot be read: EISDIR'],
    [
      'a secret of AWS without a session',
      'arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf',
      'the deploy key is a secret of AWS, and this worker has no session that reads it',
    ],
    ['nothing', undefined, 'the policy names no place for the deploy key'],
  ])('cannot be taken from %s', async (_what, deployKey, message) => {
    const source = deployKey === undefined ? ssh : { ...ssh, deployKey };
    const problem = await problemFrom(() => takeDeployKey(source, runDirectory(), hide));
    expect(problem).toMatchObject({ code: 'E_DEPLOY_KEY', message });
    expect(problem.fix).toContain('deploy_key');
  });

  test('is never in what a failure says', async () => {
    const problem = await problemFrom(() =>
      takeDeployKey({ ...ssh, deployKey: 'file:/secret/place' }, runDirectory(), hide),
    );
    expect(JSON.stringify(problem)).not.toContain('/secret/place');
  });
});

describe.skipIf(requires('sshd'))('the connection that a deploy key opens', () => {
  let sshd: Sshd;
  let repository: Repository;
  beforeAll(async () => {
    sshd = await startSshd();
    repository = bareRepository(join(temporaryDirectory(), 'infra.git'), { 'prod/vpc/main.tf': '' });
  });
  afterAll(() => sshd.stop());

  const open = async (deployKey: string) => {
    const directory = runDirectory();
    const url = sshd.url(repository.dir);
    const key = await takeDeployKey({ url, deployKey, knownHosts: sshd.knownHosts }, directory, hide);
    const { git } = cloneOf(url, key.sshCommand === undefined ? {} : { sshCommand: key.sshCommand });
    return { key, directory, git };
  };

  test('is shared by all of a run, and closed when the key is dropped', async () => {
    const { key, directory, git } = await open(`file:${sshd.deployKeyFile}`);
    const before = sshd.log().split('Accepted publickey').length;
    await git(['ls-remote', 'origin']);
    expect(existsSync(join(directory, 's'))).toBe(true);
    await git(['ls-remote', 'origin']);
    expect(sshd.log().split('Accepted publickey').length).toBe(before + 1);
    await key.drop();
    expect(existsSync(join(directory, 's'))).toBe(false);
    expect(await problemFrom(() => git(['ls-remote', 'origin']))).toMatchObject({ code: 'E_HOST_KEY' });
  });

  test('opens with a key that a Windows editor has saved', async () => {
    const text = readFileSync(sshd.deployKeyFile, 'utf8').trimEnd().replaceAll('\n', '\r\n');
    const { key, git } = await open(keyFile(text));
    expect(await git(['ls-remote', 'origin', 'refs/heads/main'])).toContain(repository.id('main'));
    await key.drop();
  });

  test('opens with a key that is a secret of AWS', async () => {
    const arn = secretArn('infra-live-key');
    await startSecrets({ [arn]: readFileSync(sshd.deployKeyFile, 'utf8').trimEnd() });
    const source = { url: sshd.url(repository.dir), deployKey: arn, knownHosts: sshd.knownHosts };
    const key = await takeDeployKey(source, runDirectory(), hide, session('KEYS'));
    const { git } = cloneOf(source.url, key.sshCommand === undefined ? {} : { sshCommand: key.sshCommand });
    expect(await git(['ls-remote', 'origin', 'refs/heads/main'])).toContain(repository.id('main'));
    await key.drop();
  });

  test('ends cleanly when its server has gone away in between', async () => {
    const { key, directory, git } = await open(`file:${sshd.deployKeyFile}`);
    await git(['ls-remote', 'origin']);
    await sshd.stop();
    await key.drop();
    expect(existsSync(join(directory, 's'))).toBe(false);
    await sshd.start();
  });
});
