import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Given, gateOf, rulesOf } from './gated.ts';

/** A stack as `init` leaves it, with Terraform's record of these module directories. */
async function downloaded(
  own: Readonly<Record<string, string>>,
  fetched: Readonly<Record<string, string>>,
  directories: (dataDir: string) => readonly string[],
  given: Given = {},
) {
  const [root, dataDir] = [temporaryDirectory(), temporaryDirectory()];
  const write = (base: string, files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(base, name)), { recursive: true });
      writeFileSync(join(base, name), text);
    }
  };
  write(root, { 'prod/vpc/main.tf': '', ...own });
  write(join(dataDir, 'modules'), fetched);
  const Modules = directories(dataDir).map((Dir, at) => ({ Key: `m${at}`, Source: 'x', Dir }));
  write(join(dataDir, 'modules'), { 'modules.json': JSON.stringify({ Modules }) });
  const gate = gateOf(root, given);
  await gate.stack();
  return gate.downloaded(dataDir);
}

test('a downloaded module is held to the same rules, and told by where it lies', async () => {
  const files = {
    'm/main.tf': '\ndata "external" "x" {}\n',
    'm/sub/a.tf': 'output "x" { value = file("../../../x") }',
  };
  const findings = await downloaded({}, files, data => [join(data, 'modules/m'), join(data, 'modules/m/sub')]);
  expect(findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`)).toEqual([
    '.terraform/modules/m/main.tf:2 external-data',
    '.terraform/modules/m/sub/a.tf:1 file-path',
  ]);
});

test('what a downloaded module calls is read with it, and may come from nowhere else', async () => {
  const files = {
    'm/main.tf': 'module "a" { source = "./sub" }\nmodule "b" { source = "git::https://evil.example/x?ref=v1.0.0" }',
    'm/sub/a.tf': 'data "http" "x" {}',
  };
  const findings = await downloaded({}, files, data => [join(data, 'modules/m')]);
  expect(rulesOf(findings)).toEqual(['module-source', 'http-data']);
});

test('an ordinary downloaded module is let through, and so are the modules that were read before', async () => {
  const own = { 'prod/vpc/main.tf': 'module "o" { source = "../../modules/o" }', 'modules/o/main.tf': '' };
  const files = {
    'm/main.tf': 'terraform {\n  required_providers { aws = { source = "hashicorp/aws" } }\n}\nresource "aws_x" "y" {}',
    'm/examples/bad/main.tf': 'data "external" "x" {}',
  };
  expect(await downloaded(own, files, data => ['.', '../../modules/o', join(data, 'modules/m')])).toEqual([]);
});

test('a module that only a test calls was read before too', async () => {
  const own = {
    'prod/vpc/tests/a.tftest.hcl': 'run "setup" {\n  module { source = "./tests/setup" }\n}',
    'prod/vpc/tests/setup/main.tf': '',
  };
  expect(await downloaded(own, {}, () => ['.', 'tests/setup'])).toEqual([]);
});

test.each([
  ['../../other', 'other/main.tf'],
  ['/etc', 'x'],
])('a module in %s, which nobody has read, is refused', async (directory, file) => {
  const findings = await downloaded({ [file]: '' }, {}, () => ['.', directory]);
  expect(rulesOf(findings)).toEqual(['module-source']);
});

test('a lock file that init has written is held to the policy', async () => {
  const lock = 'provider "registry.terraform.io/evil/x" {\n  version = "1.0.0"\n}\n';
  expect(rulesOf(await downloaded({ 'prod/vpc/.terraform.lock.hcl': lock }, {}, () => ['.']))).toEqual(['provider']);
});

const copy = 'prod/vpc/.terragrunt-cache/a/b';
const copied = (files: Readonly<Record<string, string>>) =>
  downloaded(
    {
      'prod/vpc/terragrunt.hcl': '',
      [`${copy}/m/.terragrunt-module-manifest`]: '',
      ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`${copy}/${name}`, text])),
    },
    {},
    () => ['.'],
    { stacks: [{ binary: 'terragrunt', backend: { type: 'http', config: { address: 'https://x' } } }] },
  );

test.each<[string, Readonly<Record<string, string>>, string]>([
  ['the directory Terragrunt works in', { 'm/main.tf': 'data "external" "x" {}' }, 'external-data'],
  [
    'what that calls',
    { 'm/main.tf': 'module "n" { source = "../n" }', 'n/main.tf': 'data "external" "x" {}' },
    'external-data',
  ],
  ['a backend that came with the source', { 'm/main.tf': 'terraform {\n  backend "local" {}\n}' }, 'backend'],
  ['a call that leads out of the copy', { 'm/main.tf': 'module "n" { source = "../../../../x" }' }, 'module-source'],
])('after Terragrunt has copied a source, %s is held to the rules', async (_what, files, rule) => {
  expect(rulesOf(await copied(files))).toEqual([rule]);
});

test('what lies beside in the copy of a source, and nobody calls, is let through', async () => {
  const files = {
    'm/main.tf': 'terraform {\n  backend "http" { address = "https://x" }\n}\nmodule "n" { source = "../n" }',
    'n/main.tf': '',
    'other/main.tf': 'data "external" "x" {}',
    'm/examples/full/main.tf': 'module "a" { source = "acme/x/aws" }',
  };
  expect(await copied(files)).toEqual([]);
});

test('a cache of Terragrunt that does not tell where it works fails the run', async () => {
  const own = { 'prod/vpc/terragrunt.hcl': '', [`${copy}/m/main.tf`]: '' };
  await expect(downloaded(own, {}, () => ['.'], { stacks: [{ binary: 'terragrunt' }] })).rejects.toThrow(
    'a Terragrunt cache without a working directory',
  );
});
