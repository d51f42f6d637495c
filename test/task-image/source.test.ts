import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AllowedRef } from '../../policies/evaluate.ts';
import { fullRef } from '../../policies/ref.ts';
import { newRepository } from '../../task-image/git.ts';
import { chooseRef, fetchCommit, parseRefs, proveAncestry, remoteRefs } from '../../task-image/source.ts';
import { run } from '../support/command.ts';
import { gitEnvironment } from '../support/environment.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { value } from '../support/value.ts';
import { cloneOf, gitParts, problemFrom } from './parts.ts';

const [one, two, three] = ['1', '2', '3'].map(digit => digit.repeat(40));

const main = 'prod/vpc/main.tf';
let repository: Repository;
let ids: { old: string; main: string; feature: string; stranger: string; tree: string; request: string };

beforeAll(() => {
  repository = bareRepository(join(temporaryDirectory(), 'infra.git'), { [main]: '# one\n' });
  const old = repository.id('main');
  repository.commit('main', { [main]: '# two\n' });
  const feature = repository.commit('feature/nat', { [main]: '# nat\n' }, { from: 'main' });
  repository.branch('x/refs/heads/main', feature);
  repository.tag('v1', old);
  repository.git('tag', '--annotate', '--message=signed off', 'release/1.0', old);
  const request = repository.commit('fork', { [main]: '# fork\n' }, { from: 'main' });
  repository.git('update-ref', 'refs/merge-requests/7/head', request);
  repository.git('update-ref', '-d', 'refs/heads/fork');
  const stranger = repository.commit('gone', { [main]: '# gone\n' }, { from: 'main' });
  repository.git('update-ref', '-d', 'refs/heads/gone');
  ids = {
    old,
    main: repository.id('main'),
    feature,
    stranger,
    tree: repository.git('rev-parse', 'main^{tree}'),
    request,
  };
});

describe('the refs of a server', () => {
  test('are read with what they stand for: an annotated tag for the commit it names', () => {
    const text = `${one}\tHEAD\n${two}\trefs/tags/v1\n${three}\trefs/tags/v1^{}\n${one}\trefs/heads/main\n`;
    expect(parseRefs(text)).toEqual([
      { ref: 'HEAD', commit: one },
      { ref: 'refs/tags/v1', commit: three },
      { ref: 'refs/heads/main', commit: one },
    ]);
  });

  test.each(['', 'warning: something\n', 'zzz\trefs/heads/main\n', `${one} refs/heads/main\n`, `${one}\ta b\n`])(
    'are none in %j',
    text => {
      expect(parseRefs(text)).toEqual([]);
    },
  );

  test('are found by their whole name, not by its end', async () => {
    const { git } = cloneOf(repository.dir);
    expect(await remoteRefs(git, ['refs/heads/main', 'refs/tags/main'])).toEqual([
      { ref: 'refs/heads/main', commit: ids.main },
    ]);
  });

  test('name the commit of an annotated tag', async () => {
    const { git } = cloneOf(repository.dir);
    expect(await remoteRefs(git, ['refs/tags/release/1.0'])).toEqual([
      { ref: 'refs/tags/release/1.0', commit: ids.old },
    ]);
  });

  test('are all branches and tags when none is named, and no merge request', async () => {
    const { git } = cloneOf(repository.dir);
    expect((await remoteRefs(git)).map(({ ref }) => ref)).toEqual([
      'refs/heads/feature/nat',
      'refs/heads/main',
      'refs/heads/x/refs/heads/main',
      'refs/tags/release/1.0',
      'refs/tags/v1',
    ]);
  });
});

describe('the ref that is meant', () => {
  const allowed = (...names: string[]): AllowedRef[] => names.map(name => ({ ref: value(fullRef(name)), rule: 'r' }));
  const branch = { ref: 'refs/heads/main', commit: one ?? '' };
  const tag = { ref: 'refs/tags/main', commit: two ?? '' };
  const both = allowed(branch.ref, tag.ref);

  test('is the one that exists', () => {
    expect(chooseRef('main', both, [branch])).toEqual(branch);
    expect(chooseRef('main', both, [tag])).toEqual(tag);
  });

  test('is the one that policy leaves of a branch and a tag', () => {
    expect(chooseRef('main', allowed(branch.ref), [branch, tag])).toEqual(branch);
  });

  test('is none where none exists, and both names are told', async () => {
    expect(await problemFrom(() => chooseRef('main', both, []))).toEqual({
      code: 'E_REF_NOT_FOUND',
      message: 'there is no `refs/heads/main` and no `refs/tags/main` in the repository',
      fix: 'push it, or name another ref',
    });
  });

  test('is none where both exist and are allowed, on the same commit too', async () => {
    const same = { ...tag, commit: branch.commit };
    expect(await problemFrom(() => chooseRef('main', both, [branch, same]))).toEqual({
      code: 'E_REF_AMBIGUOUS',
      message: '`main` is a branch and a tag',
      fix: 'use the full name: `refs/heads/main` or `refs/tags/main`',
    });
  });
});

describe('the proof that a commit belongs to a ref', () => {
  const refs = (...names: string[]) => remoteRefs(cloneOf(repository.dir).git, names);
  const prove = async (commit: string, names: readonly string[]) => {
    const directory = join(temporaryDirectory('history'), 'h');
    const proved = proveAncestry(
      () => newRepository(directory, gitParts(repository.dir)),
      commit,
      await refs(...names),
    );
    return { proved, directory };
  };

  test('needs no history for the tip', async () => {
    const { proved, directory } = await prove(ids.main, ['refs/heads/main']);
    expect(await proved).toEqual({ ref: 'refs/heads/main', commit: ids.main });
    expect(existsSync(directory)).toBe(false);
  });

  test('is the history for an ancestor', async () => {
    const { proved } = await prove(ids.old, ['refs/heads/main']);
    expect(await proved).toEqual({ ref: 'refs/heads/main', commit: ids.main });
  });

  test('names the ref that holds it of several', async () => {
    const { proved } = await prove(ids.main, ['refs/tags/v1', 'refs/heads/feature/nat']);
    expect(await proved).toMatchObject({ ref: 'refs/heads/feature/nat' });
  });

  test('accepts a commit below an annotated tag', async () => {
    expect(await (await prove(ids.old, ['refs/tags/release/1.0'])).proved).toMatchObject({
      ref: 'refs/tags/release/1.0',
    });
  });

  test.each([
    ['a commit of a branch that was not merged', 'feature'],
    ['a commit that the server has and no ref reaches', 'stranger'],
    ['a commit of a merge request', 'request'],
    ['the tree of the tip', 'tree'],
  ] as const)('refuses %s', async (_what, name) => {
    const { proved } = await prove(ids[name], ['refs/heads/main', 'refs/tags/v1']);
    expect(await problemFrom(() => proved)).toMatchObject({ code: 'E_COMMIT_NOT_REACHABLE' });
  });

  test('refuses a commit that is nowhere', async () => {
    const { proved } = await prove('f'.repeat(40), ['refs/heads/main']);
    expect(await problemFrom(() => proved)).toMatchObject({
      code: 'E_COMMIT_NOT_REACHABLE',
      message: 'commit ffffffffffff is not part of a ref that may be used',
    });
  });

  test('refuses every commit where no ref may be used', async () => {
    const { proved, directory } = await prove(ids.main, ['refs/heads/none']);
    expect(await problemFrom(() => proved)).toMatchObject({ code: 'E_COMMIT_NOT_REACHABLE' });
    expect(existsSync(directory)).toBe(false);
  });

  test('does not fetch a stranger that it is asked about', async () => {
    const { proved, directory } = await prove(ids.stranger, ['refs/heads/main']);
    await problemFrom(() => proved);
    const looked = await run('git', ['-C', directory, 'cat-file', '-e', ids.stranger], { env: gitEnvironment() });
    expect(looked.status).not.toBe(0);
    const known = await run('git', ['-C', directory, 'cat-file', '-e', ids.main], { env: gitEnvironment() });
    expect(known.status).toBe(0);
  });
});

describe('fetching one commit', () => {
  test('brings it without history and without files', async () => {
    const { git, directory } = cloneOf(repository.dir);
    await fetchCommit(git, ids.main);
    expect((await git(['rev-list', '--all', ids.main])).trim()).toBe(ids.main);
    expect(existsSync(join(directory, 'prod'))).toBe(false);
    expect(await git(['rev-list', '--objects', '--missing=print', '--no-walk', ids.main])).toMatch(/^\?[0-9a-f]{40}$/m);
  });

  test.each([
    ['a commit that is nowhere', () => 'f'.repeat(40)],
    ['a tree', () => ids.tree],
  ])('fails for %s', async (_what, commit) => {
    const { git } = cloneOf(repository.dir);
    expect(await problemFrom(() => fetchCommit(git, commit()))).toMatchObject({ code: 'E_COMMIT_NOT_FOUND' });
  });
});
