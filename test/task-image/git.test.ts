import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { fetchCommit } from '../../task-image/source.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { cloneOf, problemFrom, runDirectory } from './parts.ts';

const newBare = () => bareRepository(join(temporaryDirectory(), 'infra.git'), { 'prod/vpc/main.tf': '' });

describe('git', () => {
  const before = { ...process.env };
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  });

  test('obeys no variable of the worker', async () => {
    const marker = join(temporaryDirectory(), 'marker');
    Object.assign(process.env, {
      GIT_DIR: '/no/such/repository',
      GIT_TRACE: marker,
      GIT_SSH_COMMAND: `touch ${marker}`,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.fsmonitor',
      GIT_CONFIG_VALUE_0: `touch ${marker}; false`,
      GIT_EXTERNAL_DIFF: `touch ${marker}`,
    });
    const repository = newBareAside();
    const { git } = cloneOf(repository.dir);
    await fetchCommit(git, repository.id('main'));
    await git(['checkout', '--quiet', '--detach', repository.id('main')]);
    await git(['status']);
    expect(existsSync(marker)).toBe(false);
  });

  test('obeys no configuration of the user', async () => {
    const marker = join(temporaryDirectory(), 'marker');
    const home = runDirectory();
    const evil = `[core]\n\tfsmonitor = "touch ${marker}; false"\n\thooksPath = ${home}/hooks\n[alias]\n\tls-tree = !touch ${marker}\n`;
    for (const file of ['.gitconfig', '.config/git/config']) {
      mkdirSync(join(home, '.config/git'), { recursive: true });
      writeFileSync(join(home, file), evil);
    }
    mkdirSync(join(home, 'hooks'));
    writeFileSync(join(home, 'hooks/post-checkout'), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o700 });
    const repository = newBareAside();
    const { git } = cloneOf(repository.dir, { home });
    await fetchCommit(git, repository.id('main'));
    await git(['checkout', '--quiet', '--detach', repository.id('main')]);
    await git(['status']);
    expect(existsSync(marker)).toBe(false);
    expect(await git(['config', '--show-origin', '--list'])).not.toContain(home);
  });

  test('sees an environment of its own only', async () => {
    Object.assign(process.env, { INFRA_DEPLOYER_TICKET: 'secret', AWS_SECRET_ACCESS_KEY: 'secret' });
    const seen = join(temporaryDirectory(), 'seen');
    const path = `${scripted(`env > ${seen}`)}:/usr/bin:/bin`;
    await cloneOf('/srv/x.git', { path }).git(['status']);
    const names = readFileSync(seen, 'utf8')
      .trim()
      .split('\n')
      .map(line => line.split('=')[0]);
    expect(names.filter(name => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name ?? '')).sort()).toEqual([
      'GIT_ALLOW_PROTOCOL',
      'GIT_ATTR_NOSYSTEM',
      'GIT_CONFIG_GLOBAL',
      'GIT_CONFIG_NOSYSTEM',
      'GIT_LFS_SKIP_SMUDGE',
      'GIT_OPTIONAL_LOCKS',
      'GIT_TERMINAL_PROMPT',
      // simple-git's own.
      'GIT_TEST_DISALLOW_ABBREVIATED_OPTIONS',
      'HOME',
      'INFRA_DEPLOYER_RUN',
      'LANG',
      'PATH',
    ]);
  });

  test.each([
    ['is killed', 'kill -KILL $$'],
    ['fails without a word', 'exit 1'],
  ])('has failed when it %s', async (_what, script) => {
    const { git } = cloneOf('/srv/x.git', { path: `${scripted(script)}:/usr/bin:/bin` });
    expect(await problemFrom(() => git(['checkout', 'main']))).toMatchObject({ code: 'E_GIT' });
  });

  test('writes its url whole into the configuration, whatever is in it', async () => {
    const url = '/srv/a "quoted" \\ name # x ; y.git';
    const { git } = cloneOf(url);
    expect(await git(['config', '--get', 'remote.origin.url'])).toBe(`${url}\n`);
  });

  test.each(['file', 'ext', 'git', 'http', 'https', 'ftp'])(
    'does not use %s for a repository behind ssh',
    async transport => {
      const { git } = cloneOf('ssh://git@127.0.0.1:1/x.git');
      const url = transport === 'ext' ? 'ext::sh -c true' : `${transport}://127.0.0.1:1/x`;
      await expect(git(['ls-remote', url])).rejects.toThrow(/not allowed|blocked|unsafe/i);
    },
  );

  test('does not use ssh for a repository of this machine', async () => {
    const { git } = cloneOf('/srv/x.git');
    await expect(git(['ls-remote', 'ssh://git@127.0.0.1:1/x.git'])).rejects.toThrow(/not allowed/);
  });

  test('says that a local repository is not there', async () => {
    const { git } = cloneOf('/no/such/repository.git');
    expect(await problemFrom(() => git(['ls-remote', 'origin']))).toMatchObject({ code: 'E_REPO_UNREACHABLE' });
  });

  test('stops when the run must stop', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const stop = new AbortController();
    const { git } = cloneOf(`ssh://git@127.0.0.1:${port}/x.git`, { stop: stop.signal });
    const began = Date.now();
    const connected = once(silent, 'connection');
    const listing = problemFrom(() => git(['ls-remote', 'origin']));
    await connected;
    stop.abort('canceled');
    await listing;
    expect(Date.now() - began).toBeLessThan(10_000);
    silent.close();
  });

  test('tells what it cannot explain in one line', async () => {
    const problem = await problemFrom(() => cloneOf('/srv/x.git').git(['no-such-command']));
    expect(problem).toMatchObject({ code: 'E_GIT' });
    expect(problem.message).not.toContain('\n');
  });
});

/** A directory with a `git` in it that does only this: for what the real one does not do when it is asked to. */
function scripted(script: string): string {
  const directory = temporaryDirectory('bin');
  writeFileSync(join(directory, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return directory;
}

const newBareAside = (): Repository => {
  // The tests' own git must not be touched by what they set for the worker's.
  const saved = { ...process.env };
  for (const name of Object.keys(process.env)) if (name.startsWith('GIT_')) delete process.env[name];
  const repository = newBare();
  const commit = repository.id('main');
  Object.assign(process.env, saved);
  return { ...repository, id: () => commit };
};
