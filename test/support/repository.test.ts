import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bareRepository, fixtureRepository } from './repository.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const lsTree = (text: string) => text.split('\n').map(line => line.replace(/ [0-9a-f]{40}\t/, ' '));

test('makes the same commits every time', () => {
  const make = () => bareRepository(join(temporaryDirectory(), 'r.git'), { 'a/main.tf': 'a' }).id('main');
  expect(make()).toBe(make());
});

test('writes files, links, submodules and executables, and deletes', () => {
  const repository = bareRepository(join(temporaryDirectory(), 'r.git'), { gone: 'x', 'a/main.tf': '' });
  repository.commit('main', {
    gone: null,
    'a/link': { link: '../b' },
    'a/run': { executable: '#!/bin/sh\n' },
    'a/module': { submodule: '1'.repeat(40) },
    'odd "name"\\\n': 'x',
  });
  expect(lsTree(repository.git('ls-tree', '-r', 'main'))).toEqual([
    '120000 blob a/link',
    '100644 blob a/main.tf',
    '160000 commit a/module',
    '100755 blob a/run',
    '100644 blob "odd \\"name\\"\\\\\\n"',
  ]);
});

test('merges a branch with a merge commit that holds both sides', () => {
  const repository = bareRepository(join(temporaryDirectory(), 'r.git'), { base: '1' });
  const feature = repository.commit('feature', { feature: '1' }, { from: 'main' });
  const main = repository.commit('main', { other: '1' });
  const merged = repository.merge('main', 'feature');
  expect(repository.id('main')).toBe(merged);
  expect([repository.id('main^1'), repository.id('main^2')]).toEqual([main, feature]);
  expect(repository.git('ls-tree', '--name-only', 'main').split('\n')).toEqual(['base', 'feature', 'other']);
});

test('makes the repository of the security cases with its known ids', () => {
  const { dir, ids } = fixtureRepository(join(temporaryDirectory(), 'fixture'));
  const other = bareRepository(join(temporaryDirectory(), 'r.git'));
  expect(ids).toEqual({
    main: 'd953a95f05dcedd9f9c70171e6caae6c4583480d',
    old: '3745f598f396af5dc5438ef562740c0b11ebbabb',
    develop: '0b497ce32f9dc07a6278d5e89188626c405194ca',
    mr: '91988602da843db4ed69aeb7d3158225b14dd21f',
    unreachable: '1e006b2c17918dc4e89ab2af87b4b895cec5294d',
    tree: '1a33703dc1a871cd97cbbb17a9eb5cfa0dba0699',
  });
  expect(other.git('-C', dir, 'rev-parse', 'refs/merge-requests/7/head')).toBe(ids.mr);
  expect(other.git('-C', dir, 'cat-file', '-t', ids.unreachable)).toBe('commit');
});
