import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { problemOf } from '../../task-image/failure.ts';
import type { Git } from '../../task-image/git.ts';
import { fetchCommit } from '../../task-image/source.ts';
import { checkTree, parseTree, readTree } from '../../task-image/tree.ts';
import { bareRepository, type Files } from '../support/repository.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { cloneOf, pathOf } from './parts.ts';

type Binary = 'terraform' | 'tofu' | 'terragrunt';

const accepted = 'accepted';

/** Looks at a path of the clone; answers what it is refused with. */
async function refusal(git: Git, commit: string, path: string, binary: Binary) {
  const entries = await readTree(git, commit, pathOf(path));
  try {
    checkTree(entries, pathOf(path), binary);
  } catch (error) {
    return problemOf(error);
  }
  return { code: accepted, message: '' };
}

async function cloned(files: Files) {
  const repository = bareRepository(join(temporaryDirectory(), 'infra.git'), files);
  const { git } = cloneOf(repository.dir);
  const commit = repository.id('main');
  await fetchCommit(git, commit);
  return { git, commit };
}

const stranger = '0'.repeat(39).concat('1');

describe('the entries of a tree', () => {
  test('keep their names, whatever is in them', () => {
    const line = (mode: string, path: string) => `${mode} blob ${stranger}\t${path}\0`;
    const names = ['a b', 'tab\there', 'line\nfeed', '"quoted"', '-dash', 'ü', 'back\\slash'];
    expect(parseTree(names.map(name => line('100644', name)).join(''))).toEqual(
      names.map(path => ({ mode: '100644', path })),
    );
  });

  test('are none where git says nothing', () => {
    expect(parseTree('')).toEqual([]);
  });

  test('come from git with the way to the path, and without what lies deeper', async () => {
    const { git, commit } = await cloned({
      'prod/vpc/main.tf': '',
      'prod/vpc/odd\nname "x".tf': '',
      'prod/vpc/deep/er/x.tf': '',
    });
    expect(await readTree(git, commit, pathOf('prod/vpc'))).toEqual([
      { mode: '040000', path: 'prod' },
      { mode: '040000', path: 'prod/vpc' },
      { mode: '040000', path: 'prod/vpc/deep' },
      { mode: '100644', path: 'prod/vpc/main.tf' },
      { mode: '100644', path: 'prod/vpc/odd\nname "x".tf' },
    ]);
  });
});

interface Case {
  readonly that: string;
  readonly files: Files;
  readonly path?: string;
  readonly binary?: Binary;
  readonly code: string;
}

const cases: readonly Case[] = [
  { that: 'a directory with a root module', files: { 'prod/vpc/main.tf': '' }, code: accepted },
  { that: 'a directory of the first level', files: { 'vpc/main.tf': '' }, path: 'vpc', code: accepted },
  { that: 'a root module in JSON', files: { 'prod/vpc/main.tf.json': '{}' }, code: accepted },
  { that: 'a root module that may be executed', files: { 'prod/vpc/m.tf': { executable: '' } }, code: accepted },
  { that: 'a directory that is not there', files: { 'prod/app/main.tf': '' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'a directory in other letters', files: { 'prod/VPC/main.tf': '' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'a parent in other letters', files: { 'Prod/vpc/main.tf': '' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'a file', files: { 'prod/vpc': 'text' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'a path below a file', files: { 'prod/vpc': 'text' }, path: 'prod/vpc/a', code: 'E_PATH_NOT_A_STACK' },
  { that: 'a directory without a root module', files: { 'prod/vpc/notes.txt': '' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'root files one level too deep', files: { 'prod/vpc/a/main.tf': '' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'a directory that is called like a root file', files: { 'prod/vpc/x.tf/y': '' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'a link', files: { 'prod/vpc': { link: 'app' }, 'prod/app/main.tf': '' }, code: 'E_PATH_LINKED' },
  { that: 'a path below a link', files: { prod: { link: 'p' }, 'p/vpc/main.tf': '' }, code: 'E_PATH_LINKED' },
  { that: 'a submodule', files: { 'prod/vpc': { submodule: stranger } }, code: 'E_PATH_LINKED' },
  { that: 'a path below a submodule', files: { prod: { submodule: stranger } }, code: 'E_PATH_LINKED' },
  { that: 'a linked root file', files: { 'prod/vpc/main.tf': { link: 'x' } }, code: 'E_PATH_LINKED' },
  {
    that: 'a linked root file beside a real one',
    files: { 'prod/vpc/main.tf': '', 'prod/vpc/b.tf.json': { link: 'x' } },
    code: 'E_PATH_LINKED',
  },
  { that: 'a link that is no root file', files: { 'prod/vpc/m.tf': '', 'prod/vpc/l': { link: 'x' } }, code: accepted },
  {
    that: 'a state that is committed',
    files: { 'prod/vpc/main.tf': '', 'prod/vpc/terraform.tfstate': '{}' },
    code: 'E_STATE_COMMITTED',
  },
  {
    that: 'a state that is a link',
    files: { 'prod/vpc/main.tf': '', 'prod/vpc/terraform.tfstate': { link: '/etc/x' } },
    code: 'E_STATE_COMMITTED',
  },
  ...['x.tfstate', 'TERRAFORM.TFSTATE.backup', 'errored.tfstate', '.terraform.tfstate.lock.info'].map(name => ({
    that: `${name} that is committed`,
    files: { 'prod/vpc/main.tf': '', [`prod/vpc/${name}`]: '{}' },
    code: 'E_STATE_COMMITTED',
  })),
  ...[
    '.terraform/providers/x',
    'terraform.d/plugins/x',
    'TERRAFORM.D/x',
    '.Terraform/environment',
    '.terraformrc',
    'terraform.rc',
    '.tofurc',
    '.terragrunt-cache/x/main.tf',
  ].map(name => ({
    that: `${name} that is committed`,
    files: { 'prod/vpc/main.tf': '', [`prod/vpc/${name}`]: 'x' },
    code: 'E_GATE',
  })),
  {
    that: 'names that only look like what Terraform makes',
    files: {
      'prod/vpc/main.tf': '',
      'prod/vpc/terraform.data/x': 'x',
      'prod/vpc/tfstate.md': 'x',
      'prod/vpc/.terraform-version': 'x',
    },
    code: accepted,
  },
  { that: 'tofu files for terraform', files: { 'prod/vpc/main.tofu': '' }, code: 'E_PATH_NOT_A_STACK' },
  { that: 'tofu files for tofu', files: { 'prod/vpc/main.tofu': '' }, binary: 'tofu', code: accepted },
  {
    that: 'a linked tofu file',
    files: { 'prod/vpc/a.tf': '', 'prod/vpc/b.tofu': { link: 'x' } },
    binary: 'tofu',
    code: 'E_PATH_LINKED',
  },
  { that: 'a terragrunt file for terraform', files: { 'prod/vpc/terragrunt.hcl': '' }, code: 'E_PATH_NOT_A_STACK' },
  {
    that: 'a terragrunt file for terragrunt',
    files: { 'prod/vpc/terragrunt.hcl': '' },
    binary: 'terragrunt',
    code: accepted,
  },
  {
    that: 'a linked terragrunt file',
    files: { 'prod/vpc/terragrunt.hcl': { link: 'x' } },
    binary: 'terragrunt',
    code: 'E_PATH_LINKED',
  },
];

/** All cases in one commit, each in a directory of its own. */
const allFiles = Object.fromEntries(
  cases.flatMap(({ files }, index) => Object.entries(files).map(([name, entry]) => [`case-${index}/${name}`, entry])),
);

describe('a path', () => {
  let clone: Awaited<ReturnType<typeof cloned>>;
  beforeAll(async () => {
    clone = await cloned(allFiles);
  });

  test.each(cases.map((one, index) => ({ ...one, index })))(
    'that is $that: $code',
    async ({ index, path = 'prod/vpc', binary = 'terraform', code }) => {
      expect(await refusal(clone.git, clone.commit, `case-${index}/${path}`, binary)).toMatchObject({ code });
    },
  );

  test('is refused with its name and what to do', async () => {
    const { git, commit } = await cloned({ 'prod/app/main.tf': '', link: { link: 'prod' } });
    expect(await refusal(git, commit, 'prod/vpc', 'terraform')).toEqual({
      code: 'E_PATH_NOT_A_STACK',
      message: '`prod/vpc` is not a directory at this commit',
      fix: 'check the path, upper and lower case too',
    });
    expect(await refusal(git, commit, 'link/app', 'terraform')).toEqual({
      code: 'E_PATH_LINKED',
      message: '`link` is a symbolic link',
      fix: 'name the real directory',
    });
  });
});
