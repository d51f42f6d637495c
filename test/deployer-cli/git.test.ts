import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readGit } from '../../deployer-cli/git.ts';
import { gitEnvironment } from '../support/environment.ts';
import { bareRepository } from '../support/repository.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const env = { PATH: process.env.PATH };

function workingCopy() {
  const dir = temporaryDirectory('git');
  const origin = bareRepository(join(dir, 'origin.git'), { 'prod/vpc/main.tf': '', 'prod/vpc/old.tf': 'old' });
  const copy = join(dir, 'copy');
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', copy, ...args], { env: gitEnvironment(), stdio: 'pipe' })
      .toString()
      .trim();
  execFileSync('git', ['clone', '--quiet', origin.dir, copy], { env: gitEnvironment(), stdio: 'pipe' });
  return { copy, git, write: (file: string, text = 'x') => writeFileSync(join(copy, file), text) };
}

describe('git facts', () => {
  test('of a clean clone are its upstream and its commit', async () => {
    const { copy, git } = workingCopy();
    expect(await readGit(join(copy, 'prod', 'vpc'), env)).toEqual({
      prefix: 'prod/vpc',
      head: git('rev-parse', 'HEAD'),
      branch: 'main',
      upstream: 'refs/heads/main',
      uncommitted: [],
      unpushed: [],
    });
  });

  test('name the upstream as it is called where it is pushed to', async () => {
    const { copy, git } = workingCopy();
    git('checkout', '--quiet', '-b', 'local-name');
    git('push', '--quiet', '-u', 'origin', 'local-name:feature/other-name');
    expect(await readGit(copy, env)).toMatchObject({ branch: 'local-name', upstream: 'refs/heads/feature/other-name' });
  });

  test('name every file that is not committed', async () => {
    const { copy, git, write } = workingCopy();
    write('prod/vpc/main.tf', 'changed');
    write('prod/vpc/a new file.tf');
    git('mv', 'prod/vpc/old.tf', 'prod/vpc/renamed.tf');
    const facts = await readGit(join(copy, 'prod'), env);
    expect(facts?.uncommitted.toSorted()).toEqual([
      'prod/vpc/a new file.tf',
      'prod/vpc/main.tf',
      'prod/vpc/renamed.tf',
    ]);
  });

  test('name every commit that is not pushed', async () => {
    const { copy, git, write } = workingCopy();
    write('prod/vpc/main.tf', 'changed');
    git('commit', '--quiet', '-am', 'add nat gateway');
    const facts = await readGit(copy, env);
    expect(facts?.unpushed).toEqual([`${git('rev-parse', '--short', 'HEAD')} add nat gateway`]);
  });

  test('have no upstream where there is none, it is gone, or it is a local branch', async () => {
    const { copy, git } = workingCopy();
    const upstream = async () => (await readGit(copy, env))?.upstream;
    git('checkout', '--quiet', '-b', 'alone', '--no-track');
    expect(await upstream()).toBeUndefined();
    git('branch', '--set-upstream-to', 'main');
    expect(await upstream()).toBeUndefined();
    git('push', '--quiet', '-u', 'origin', 'alone');
    expect(await upstream()).toBe('refs/heads/alone');
    git('update-ref', '-d', 'refs/remotes/origin/alone');
    expect(await upstream()).toBeUndefined();
  });

  test('have no branch where HEAD is detached', async () => {
    const { copy, git } = workingCopy();
    git('checkout', '--quiet', '--detach');
    expect(await readGit(copy, env)).toMatchObject({ head: git('rev-parse', 'HEAD') });
    expect(await readGit(copy, env)).not.toHaveProperty('branch');
  });

  test('are none outside a working copy, and without git', async () => {
    const { copy } = workingCopy();
    expect(await readGit(temporaryDirectory('no-git'), env)).toBeUndefined();
    expect(await readGit(copy, { PATH: '/nowhere' })).toBeUndefined();
  });
});
