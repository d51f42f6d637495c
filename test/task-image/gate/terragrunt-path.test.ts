/** Terragrunt itself says what its functions mean. */
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { said, type TerragruntPlace } from '../../../task-image/gate/terragrunt-path.ts';
import { mustRun } from '../../support/command.ts';
import { terraformEnvironment } from '../../support/environment.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { toolOnPath } from '../../support/terraform.ts';

/** Some are understood; where one is not, that is right as well. */
const templates = [
  '${find_in_parent_folders()}',
  '${find_in_parent_folders("env.hcl")}',
  '${ find_in_parent_folders( "a/b.hcl" , ) }',
  '${find_in_parent_folders("env.hcl", "fallback.hcl")}',
  '${find_in_parent_folders("missing.hcl", "fallback.hcl")}',
  '${find_in_parent_folders("twice")}',
  '${dirname(find_in_parent_folders("root.hcl"))}/x y',
  '${dirname("${dirname(find_in_parent_folders("env.hcl"))}/x")}',
  '${dirname("a/b")}',
  '${dirname("a")}',
  '${dirname("a/")}',
  '${dirname("a//b")}',
  '${dirname("${get_terragrunt_dir()}/x/")}',
  '${dirname(get_terragrunt_dir())}/../${"m"}',
  '${get_terragrunt_dir()}x/../${path_relative_to_include()}',
  '${get_original_terragrunt_dir()}/${"a${"b"}"}',
  '${get_parent_terragrunt_dir()}',
  '${path_relative_to_include()}/terraform.tfstate',
  'a ${~ "b" ~} c',
  'a\\u0024{get_terragrunt_dir()}',
  '$${get_terragrunt_dir()}',
];
const inputs = `inputs = {\n${templates.map((template, at) => `  a${at} = "${template}"`).join('\n')}\n}\n`;

const files: Readonly<Record<string, string>> = {
  'prod/terragrunt.hcl.json': '{}',
  'terragrunt.hcl': '',
  'env.hcl': '',
  'prod/env.hcl': '',
  'a/b.hcl': '',
  'prod/twice/keep': '',
  'prod/twice/vpc/x': '',
  twice: '',
  'prod/vpc/main.tf': '',
};

test.skipIf(!toolOnPath('terragrunt')).each([
  { what: 'the stack’s own file', directory: 'prod/vpc', given: { 'root.hcl': '', 'prod/vpc/terragrunt.hcl': inputs } },
  {
    what: 'a child that includes another',
    directory: 'prod/vpc',
    given: { 'root.hcl': '', 'prod/vpc/terragrunt.hcl': `include {\n  path = "../../root.hcl"\n}\n${inputs}` },
  },
  {
    what: 'an included file',
    directory: '',
    given: { 'root.hcl': inputs, 'prod/vpc/terragrunt.hcl': 'include {\n  path = "../../root.hcl"\n}\n' },
  },
])('in $what a template means what Terragrunt makes of it, or nothing', async ({ what, directory, given }) => {
  const root = realpathSync(temporaryDirectory());
  for (const [name, text] of Object.entries({ ...files, ...given })) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const stack = 'prod/vpc';
  const out = join(root, 'rendered.json');
  const args = ['render-json', '--terragrunt-working-dir', join(root, stack), '--terragrunt-json-out', out];
  await mustRun('terragrunt', args, { env: terraformEnvironment() });
  const rendered = JSON.parse(readFileSync(out, 'utf8')) as { inputs: Readonly<Record<string, string>> };
  const place: TerragruntPlace = {
    directory: stack,
    stack,
    fileDirectory: directory,
    isChild: what.includes('child'),
    entry: path =>
      existsSync(join(root, path)) ? (statSync(join(root, path)).isFile() ? 'file' : 'directory') : undefined,
  };
  const understood = templates.filter((template, at) => {
    const text = said(template, place)?.replace('\0', root);
    if (text !== undefined) expect.soft(text, template).toBe(rendered.inputs[`a${at}`]);
    return text !== undefined;
  });
  expect(understood.length).toBeGreaterThan(10);
});
