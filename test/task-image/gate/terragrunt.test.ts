import { expect, test } from 'vitest';
import { type Files, gated, rulesOf } from './gated.ts';

const backend = { type: 'azurerm', config: { container_name: 'state', key: '{path}/terraform.tfstate' } };
const stacks = [{ binary: 'terragrunt', backend, reads: ['network/**'] }];

/** Another file, beside one that a reader may take it for, is what Terragrunt reads. */
const elsewhere = [
  [
    'include { path = "../root.hcl" }\nlocals { e = read_terragrunt_config("${get_parent_terragrunt_dir()}/e.hcl") }',
    'prod/e.hcl',
  ],
  [
    'include { path = "../root.hcl" }\nlocals { e = read_terragrunt_config("./${path_relative_to_include()}/e.hcl") }',
    'prod/vpc/vpc/e.hcl',
  ],
  [
    'locals { e = read_terragrunt_config("\\u0024{get_terragrunt_dir()}/e.hcl") }',
    'prod/vpc/${get_terragrunt_dir()}/e.hcl',
  ],
  ['locals { e = read_terragrunt_config("x ${~ "/e.hcl"}") }', 'prod/vpc/x/e.hcl'],
  ['locals { e = read_terragrunt_config("${dirname("\\u0000a/../x/y")}/e.hcl") }', 'prod/vpc/x/e.hcl'],
  ['include "r" { path = "${dirname("${get_terragrunt_dir()}/x/")}/e.hcl" }', 'prod/vpc/x/e.hcl'],
  ['include "r" { path = find_in_parent_folders("") }', 'prod/terragrunt.hcl'],
  ['locals { e = read_terragrunt_config(<<E\ne.hcl\nE\n) }', 'prod/vpc/e.hcl\n'],
] as const;

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
    {
      'terragrunt.hcl': 'include "r" { path = find_in_parent_folders() }',
      'prod/terragrunt.hcl.json': '{"locals": {"x": "${run_cmd(\\"id\\")}"}}',
      './terragrunt.hcl': '',
    },
    {
      'terragrunt.hcl': 'include "r" { path = "${dirname(find_in_parent_folders("x"))}/app.hcl" }',
      'prod/x/keep': '',
      'prod/app.hcl': 'locals { x = run_cmd("id") }',
      './x': '',
      './app.hcl': '',
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
    { 'terragrunt.hcl': 'dependency "x" { config_path = "../other" }', 'prod/other/terragrunt.hcl': '' },
    {
      'terragrunt.hcl.json': '{"dependency": {"x": {"config_path": "../other"}}}',
      'prod/other/terragrunt.hcl.json': '{}',
    },
  ],
  terragrunt: [
    'terraform_binary = "/tmp/x"',
    'iam_role = "arn:aws:iam::1:role/admin"',
    'download_dir = "/tmp"',
    'engine {\n  source = "x"\n}',
    'something_new = 1',
    'remote_state {\n  backend = "azurerm"\n  config = {}\n  encryption = { key_provider = "external" }\n}',
    'terraform {\n  source = "."\n  include_in_copy = [".hidden"]\n}',
    'locals { x = sops_decrypt_file("x.enc") }',
    'locals { x = get_env("AWS_SECRET_ACCESS_KEY") }',
    'locals { x = get_env(local.y) }',
    'include "root" { path = "/etc/x.hcl" }',
    'include "root" { path = "../../../../x.hcl" }',
    'include "root" { path = find_in_parent_folders("missing.hcl") }',
    'locals { x = get_repo_root() }',
    'locals { x = file("${get_path_to_repo_root()}/x") }',
    'include "root" { path = local.x }',
    'include "root" {}',
    'locals { x = read_terragrunt_config(local.x) }',
    'locals { x = read_terragrunt_config(find_in_parent_folders("a.hcl") + dirname("x")) }',
    'locals { x = read_terragrunt_config("missing.hcl") }',
    { 'terragrunt.hcl': 'locals { x = read_terragrunt_config("d", {}) }', 'prod/vpc/d/terragrunt.hcl': '' },
    'locals { x = read_terragrunt_config(find_in_parent_folders("missing.hcl", "x.hcl"), {}) }',
    'dependency "x" { config_path = local.x }',
    'dependency "x" { config_path = "/prod/other" }',
    'dependency "x" { config_path = "../../network/missing" }',
    {
      'terragrunt.hcl': 'dependency "x" { config_path = "../../network/eu/evil.hcl" }',
      'network/eu/evil.hcl': 'locals { x = run_cmd("id") }',
    },
    ...elsewhere.map(([text, read]) => ({
      'terragrunt.hcl': text,
      'prod/root.hcl': '',
      'e.hcl': '',
      'x/e.hcl': '',
      'prod/vpc/x /e.hcl': '',
      './x/e.hcl': '',
      [read]: 'locals { x = run_cmd("id") }',
    })),
    ...['../network/eu', '../../network/eu'].map(path => ({
      'terragrunt.hcl': 'include "r" {\n  path = "../root.hcl"\n  expose = true\n}',
      'prod/root.hcl': `dependency "n" { config_path = "${path}" }`,
      'network/eu/terragrunt.hcl': '',
      'prod/network/eu/terragrunt.hcl': '',
    })),
  ],
  'module-source': [
    'terraform { source = "git::https://evil.example/x.git?ref=v1.0.0" }',
    'terraform { source = "../../../../outside" }',
    'terraform { source = "${get_env("X")}" }',
    'terraform { source = "tfr:///evil/x/aws?version=1.0.0" }',
    'terraform { source = "../missing" }',
    ...['../../modules/m', '../..//modules/m/.', '../../modules//m'].map(source => ({
      'terragrunt.hcl': `terraform { source = "${source}" }`,
      'modules/m/main.tf': 'module "out" { source = "../../../n" }',
      'n/main.tf': '',
    })),
    {
      'terragrunt.hcl': 'terraform { source = "../../modules/m" }',
      'modules/m/main.tf': 'module "n" { source = "../n" }',
      'modules/n/main.tf': '',
    },
    { 'terragrunt.hcl': 'include "root" { path = "../root.hcl" }', 'prod/root.hcl': 'terraform { source = "/etc" }' },
  ],
  'file-path': [
    'locals { x = file("/etc/passwd") }',
    'inputs = { x = read_tfvars_file("/etc/x") }',
    {
      'terragrunt.hcl': 'inputs = { x = templatefile("t.tpl", {}) }',
      't.tpl': '${file("/proc/self/environ")}',
    },
    {
      'terragrunt.hcl': 'include "r" { path = find_in_parent_folders("root.hcl") }',
      './root.hcl': 'locals { x = file("../beside-the-checkout") }',
    },
  ],
  'external-data': [
    { 'terragrunt.hcl': 'terraform { source = "../../modules//m" }', 'modules/m/main.tf': 'data "external" "x" {}' },
    {
      'terragrunt.hcl': 'terraform { source = "${dirname(find_in_parent_folders("root.hcl"))}/../modules//m" }',
      'prod/root.hcl': '',
      'modules/m/main.tofu': 'data "external" "x" {}',
    },
    {
      'terragrunt.hcl': 'terraform { source = "../../modules//m" }',
      'modules/m/main.tf': 'module "s" { source = "./s" }',
      'modules/m/s/main.tf': '',
      'prod/vpc/s/more.tf': 'data "external" "x" {}',
    },
    {
      'terragrunt.hcl': 'terraform { source = "../../modules//m" }',
      'main.tf': 'module "s" { source = "./s" }',
      'prod/vpc/s/main.tf': '',
      'modules/m/s/more.tf': 'data "external" "x" {}',
    },
    {
      'terragrunt.hcl': 'terraform { source = "../../modules/m" }',
      'modules/m/main.tf': 'data "external" "x" {}',
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
  common = read_terragrunt_config(find_in_parent_folders("env.hcl", "none.hcl"))
  maybe  = read_terragrunt_config("maybe.hcl", { locals = {} })
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
    'modules/m/main.tf': 'module "n" { source = "../n" }',
    'modules/n/main.tf': 'resource "aws_x" "y" {}',
    'modules/unused/main.tf': 'data "external" "x" {}',
    'network/eu/terragrunt.hcl': 'include { path = "../../root.hcl" }',
    'network/eu/main.tf': 'output "vpc_id" { value = "x" }',
  };
  expect(await gated(files, { stacks })).toEqual([]);
});
