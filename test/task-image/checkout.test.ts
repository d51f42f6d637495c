import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../task-image/checkout.ts';
import { fetchCommit } from '../../task-image/source.ts';
import { addGitBomb } from '../support/git-bomb.ts';
import { bareRepository, type Files } from '../support/repository.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { cloneOf, pathOf } from './parts.ts';

async function checkedOut(files: Files, path = 'prod/vpc') {
  const repository = bareRepository(join(temporaryDirectory(), 'infra.git'), files);
  const { git, directory } = cloneOf(repository.dir);
  const commit = repository.id('main');
  await fetchCommit(git, commit);
  await checkout(git, directory, commit, pathOf(path));
  return { has: (file: string) => existsSync(join(directory, file)), at: (file: string) => join(directory, file) };
}

test('has the stack whole, the files beside it on the way, and nothing else', async () => {
  const { has } = await checkedOut({
    'README.md': '',
    'prod/common.txt': '',
    'prod/vpc/main.tf': '# no modules\n',
    'prod/vpc/templates/deep/user-data.sh': '',
    'prod/app/main.tf': '',
    'modules/a/main.tf': '',
  });
  for (const file of ['README.md', 'prod/common.txt', 'prod/vpc/main.tf', 'prod/vpc/templates/deep/user-data.sh'])
    expect([file, has(file)]).toEqual([file, true]);
  for (const file of ['prod/app', 'modules']) expect([file, has(file)]).toEqual([file, false]);
});

test('follows local modules as far as they go, in a circle too', async () => {
  const { has } = await checkedOut({
    'prod/vpc/main.tf': 'module "a" {\n  source = "../../modules/a"\n}\n',
    'modules/a/main.tf': 'module "b" {\n  source = "../b"\n}\n',
    'modules/b/main.tf': 'module "c" {\n  source = "../../lib/c"\n}\n',
    'lib/c/main.tf.json': JSON.stringify({ module: { d: { source: './d' } } }),
    'lib/c/d/main.tf': 'module "a" {\n  source = "../../../modules/a"\n}\n',
    'lib/d/main.tf': '',
  });
  expect(['modules/a', 'modules/b', 'lib/c', 'lib/d'].map(has)).toEqual([true, true, true, false]);
});

test('has what the tests of a stack call', async () => {
  const { has } = await checkedOut({
    'prod/vpc/main.tf': '# no modules\n',
    'prod/vpc/tests/a.tftest.hcl': 'run "a" {\n  module {\n    source = "../../modules/a"\n  }\n}\n',
    'modules/a/main.tf': '',
  });
  expect(has('modules/a/main.tf')).toBe(true);
});

test('has everything when a module two steps away reads what nobody can foresee', async () => {
  const { has } = await checkedOut({
    'prod/vpc/main.tf': 'module "a" {\n  source = "../../modules/a"\n}\n',
    'modules/a/main.tf': `locals {\n  text = file("\${path.module}/../../shared/x.txt")\n}\n`,
    'shared/x.txt': 'hello',
    'staging/vpc/main.tf': '',
  });
  expect(['shared/x.txt', 'staging/vpc/main.tf'].map(has)).toEqual([true, true]);
});

test('is not held up by ten million paths beside the stack', async () => {
  const repository = bareRepository(join(temporaryDirectory(), 'infra.git'), { 'prod/vpc/main.tf': '' });
  const commit = addGitBomb(repository, 'bomb');
  const { git, directory } = cloneOf(repository.dir);
  await fetchCommit(git, commit);
  const began = Date.now();
  await checkout(git, directory, commit, pathOf('prod/vpc'));
  expect(existsSync(join(directory, 'prod', 'vpc', 'main.tf'))).toBe(true);
  // Written out, git's index of them alone takes over twenty seconds and a gigabyte.
  expect(Date.now() - began).toBeLessThan(10_000);
});

test('has no git left for Terraform to use', async () => {
  const { has } = await checkedOut({ 'prod/vpc/main.tf': '' });
  expect(has('.git')).toBe(false);
});

test('turns symbolic links into plain files', async () => {
  const { at } = await checkedOut({
    'prod/vpc/main.tf': '',
    'prod/vpc/passwords': { link: '/etc/passwd' },
    'prod/vpc/others': { link: '../app' },
  });
  expect(lstatSync(at('prod/vpc/passwords')).isFile()).toBe(true);
  expect(readFileSync(at('prod/vpc/passwords'), 'utf8')).toBe('/etc/passwd');
  expect(lstatSync(at('prod/vpc/others')).isFile()).toBe(true);
});

test('takes files byte for byte, whatever the attributes of the repository ask for', async () => {
  const text = 'a\r\nb\n$Id$\n';
  const { at } = await checkedOut({
    '.gitattributes': '*.tf filter=lfs diff=lfs merge=lfs\n',
    'prod/vpc/main.tf': text,
    'prod/vpc/run.sh': { executable: '#!/bin/sh\n' },
  });
  expect(readFileSync(at('prod/vpc/main.tf'), 'utf8')).toBe(text);
  expect(lstatSync(at('prod/vpc/run.sh')).mode & 0o100).toBe(0o100);
});

test('goes on when a module is not there: Terraform says it better', async () => {
  const { has } = await checkedOut({ 'prod/vpc/main.tf': 'module "a" {\n  source = "../../modules/gone"\n}\n' });
  expect(has('prod/vpc/main.tf')).toBe(true);
});

test('stops at a file whose name is not UTF-8: Terraform would read what nobody here can', async () => {
  const files = { 'prod/vpc/main.tf': '', 'prod/vpc/\udcff.tf': '' };
  await expect(checkedOut(files)).rejects.toMatchObject({
    problem: { code: 'E_GATE', message: 'the name of `\\ufffd.tf` is not UTF-8' },
  });
});

test.each([
  ['a file', { 'prod/vpc/page': '<html>', 'modules/page': '<html>' }],
  ['a symbolic link', { 'prod/vpc/page': { link: '../app' }, 'modules/page': { link: '../app' } }],
  ['not there', {}],
])('takes what is %s for no module, and goes on', async (_what, pages: Files) => {
  const modules = ['./page', './page/below', '../../modules/page', '../../modules/page/below'];
  const { at, has } = await checkedOut({
    ...pages,
    'prod/vpc/main.tf': modules.map((source, at) => `module "m${at}" {\n  source = "${source}"\n}\n`).join(''),
    'modules/other/main.tf': '',
  });
  for (const page of Object.keys(pages)) expect(lstatSync(at(page)).isFile()).toBe(true);
  expect(['prod/vpc/main.tf', 'modules/other'].map(has)).toEqual([true, false]);
});

test('has only the stack when a resource takes a page of its own for its source', async () => {
  const { has } = await checkedOut({
    'prod/vpc/main.tf': 'resource "aws_s3_object" "page" {\n  source = "./page.html"\n}\n',
    'prod/vpc/page.html': '<html>',
    'prod/app/main.tf': '',
  });
  expect(['prod/vpc/page.html', 'prod/app'].map(has)).toEqual([true, false]);
});
