import { expect, test } from 'vitest';
import { type Files, gated, rulesOf } from './gated.ts';

const backend = { type: 'azurerm', config: { container_name: 'state', key: '{path}/terraform.tfstate' } };
const stacks = [{ binary: 'terragrunt', backend, reads: ['network/**'] }];

const disguises: Readonly<Record<string, readonly (string | Files)[]>> = {
  'run-cmd': [
    'locals {\n  x = run_cmd("id")\n}',
    'inputs = {\n  a = { b = ["${run_cmd("id")}"] }\n}',
    'inputs = {\n  "${run_cmd("id")}" = 1\n}',
    'terraform_version_constraint = run_cmd(\n "--terragrunt-quiet", "id")',
    'locals {\n  x = <<EOT\n%{ if run_cmd /* */ ("id") == "" }%{ endif }\nEOT\n}',
    { 'terragrunt.hcl.json': '{"locals": {"x": "${run_cmd(\\"id\\")}"}}' },
    {
      'terragrunt.hcl': 'include "root" { path = find_in_parent_folders() }',
      'prod/terragrunt.hcl': 'locals { x = run_cmd("id") }',
    },
    {
      'terragrunt.hcl': 'locals { e = read_terragrunt_config(find_in_parent_folders("env.hcl")) }',
      './env.hcl': '',
      'prod/env.hcl': 'locals { x = run_cmd("id") }',
    },
    {
      'terragrunt.hcl': 'include {\n  path = "${dirname(find_in_parent_folders("root.hcl"))}/_env/app.hcl"\n}',
      'prod/root.hcl': '',
      'prod/_env/app.hcl': 'inputs = { x = run_cmd("id") }',
    },
    {
      'terragrunt.hcl': 'dependency "n" { config_path = "../../network/eu" }',
      'network/eu/terragrunt.hcl': 'locals { x = run_cmd("id") }',
    },
  ],
  hook: [
    ...['before_hook', 'after_hook', 'error_hook'].map(
      hook => `terraform {\n  ${hook} "x" {\n    commands = ["plan"]\n    execute = ["id"]\n  }\n}`,
    ),
    'terraform {\n  before_hook x {}\n}',
    { 'terragrunt.hcl.json': '{"terraform": [{"before_hook": [{"x": [{"execute": ["id"]}]}]}]}' },
    {
      'terragrunt.hcl': 'include "root" { path = "../root.hcl" }',
      'prod/root.hcl': 'terraform {\n  after_hook "x" {}\n}',
    },
  ],
  'extra-arguments': [
    'terraform {\n  extra_arguments "x" {\n    arguments = ["-lock=false"]\n    commands = ["plan"]\n  }\n}',
    { 'terragrunt.hcl.json': '{"terraform": {"extra_arguments": {"x": {"env_vars": {}}}}}' },
  ],
  generate: [
    'generate "x" {\n  path = "x.tf"\n  if_exists = "overwrite"\n  contents = "data"\n}',
    'generate = { x = { path = "x.tf", if_exists = "overwrite", contents = "" } }',
    'generate = local.g',
    { 'terragrunt.hcl.json': '{"generate": [{"x": {"path": "x.tf"}}]}' },
    'remote_state {\n  backend = "azurerm"\n  generate = { path = "../x.sh", if_exists = "overwrite" }\n  config = {}\n}',
  ],
  backend: [
    'remote_state {\n  backend = "s3"\n  config = {}\n}',
    'remote_state {\n  backend = "azurerm"\n  config = { key = "other" }\n}',
    'remote_state {\n  backend = "azurerm"\n  config = local.c\n}',
    'remote_state = { backend = "local", config = { path = "/x" } }',
    'remote_state {\n  backend = "azurerm"\n  config = { resource_group_name = "x" }\n}',
  ],
  'backend-credentials': ['remote_state {\n  backend = "azurerm"\n  config = { access_key = "x" }\n}'],
  'remote-state': [
    'dependency "x" { config_path = "../other" }',
    'dependency "x" { config_path = local.x }',
    'dependency "x" { config_path = "/prod/other" }',
    { 'terragrunt.hcl.json': '{"dependency": {"x": {"config_path": "../other"}}}' },
  ],
  terragrunt: [
    'terraform_binary = "/tmp/x"',
    'iam_role = "arn:aws:iam::1:role/admin"',
    'download_dir = "/tmp"',
    'engine {\n  source = "x"\n}',
    'something_new = 1',
    'locals { x = sops_decrypt_file("x.enc") }',
    'locals { x = get_env("AWS_SECRET_ACCESS_KEY") }',
    'locals { x = get_env(local.y) }',
    'include "root" { path = "/etc/x.hcl" }',
    'include "root" { path = "../../../../x.hcl" }',
    'include "root" { path = find_in_parent_folders("missing.hcl") }',
    'include "root" { path = "${get_repo_root()}/x.hcl" }',
    'include "root" { path = local.x }',
    'include "root" {}',
    'locals { x = read_terragrunt_config(local.x) }',
    'locals { x = read_terragrunt_config(find_in_parent_folders("a.hcl") + dirname("x")) }',
  ],
  'module-source': [
    'terraform { source = "git::https://evil.example/x.git?ref=v1.0.0" }',
    'terraform { source = "../../../../outside" }',
    'terraform { source = "${get_env("X")}" }',
    'terraform { source = "tfr:///evil/x/aws?version=1.0.0" }',
    'terraform { source = "../missing" }',
    { 'terragrunt.hcl': 'include "root" { path = "../root.hcl" }', 'prod/root.hcl': 'terraform { source = "/etc" }' },
  ],
  'file-path': ['locals { x = file("/etc/passwd") }', 'inputs = { x = read_tfvars_file("/etc/x") }'],
  'external-data': [
    { 'terragrunt.hcl': 'terraform { source = "../../modules//m" }', 'modules/m/main.tf': 'data "external" "x" {}' },
    {
      'terragrunt.hcl': 'terraform { source = "${dirname(find_in_parent_folders("root.hcl"))}/../modules//m" }',
      'prod/root.hcl': '',
      'modules/m/main.tofu': 'data "external" "x" {}',
    },
    { 'terragrunt.hcl': '', 'main.tf': 'data "external" "x" {}' },
  ],
};

for (const [rule, forms] of Object.entries(disguises))
  test(`${rule} is found in every form of Terragrunt`, async () => {
    for (const form of forms) {
      const files = typeof form === 'string' ? { 'terragrunt.hcl': form } : form;
      const rules = rulesOf(await gated(files, { stacks }));
      expect.soft(rules, JSON.stringify(files)).toContain(rule);
      expect.soft(rules, JSON.stringify(files)).not.toContain('unparsable');
    }
  });

test('lets an ordinary stack of Terragrunt through', async () => {
  const files = {
    'terragrunt.hcl': `include "root" {
  path   = find_in_parent_folders("root.hcl")
  expose = true
}
include "env" { path = "\${get_terragrunt_dir()}/../../_env/app.hcl" }
locals {
  env    = read_terragrunt_config(find_in_parent_folders("env.hcl"))
  region = get_env("REGION", "eu-west-1")
}
terraform { source = "../../modules//m" }
dependency "network" {
  config_path  = "../../network/eu"
  mock_outputs = { vpc_id = "vpc-0" }
}
dependencies { paths = ["../other"] }
inputs = {
  vpc_id = dependency.network.outputs.vpc_id
  tags   = merge(local.env.locals.tags, { path = path_relative_to_include("root") })
}
skip = false`,
    './root.hcl': `remote_state {
  backend  = "azurerm"
  generate = { path = "backend.tf", if_exists = "overwrite_terragrunt" }
  config   = {
    container_name = "state"
    key            = "\${path_relative_to_include()}/terraform.tfstate"
  }
}`,
    '_env/app.hcl': 'inputs = { size = 1 }',
    'prod/env.hcl': 'locals { tags = { env = "prod" } }',
    'modules/m/main.tf': 'resource "aws_x" "y" {}',
    'network/eu/terragrunt.hcl': 'include { path = "../../root.hcl" }',
    'network/eu/main.tf': 'output "vpc_id" { value = "x" }',
  };
  expect(await gated(files, { stacks })).toEqual([]);
});
