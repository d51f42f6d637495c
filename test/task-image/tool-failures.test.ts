import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import type { Run } from '../../policies/contract/run.ts';
import { type Installation, install } from '../end-to-end/installation.ts';
import { bareRepository, type Files } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whereIs } from '../support/where-is.ts';
import { ended, failed, refused } from './stage.ts';

const plan = (path: string): RequestBody => ({ command: 'plan', path, ref: 'main' });
const apply = (path: string, planId: string): RequestBody => ({ command: 'apply', path, ref: 'main', planId });

const files: Files = {
  'prod/fine/main.tf': 'resource "terraform_data" "x" {}\n',
  'prod/tofu/main.tf': 'resource "terraform_data" "x" {}\n',
  'prod/grunt/terragrunt.hcl': '',
  'prod/version/main.tf': 'resource "terraform_data" "x" {}\n',
  'prod/syntax/main.tf': 'resource "terraform_data" {\n',
  'prod/reference/main.tf': 'output "x" {\n  value = terraform_data.missing.id\n}\n',
  'prod/module/main.tf': 'module "x" {\n  source = "../../modules/gone"\n}\n',
  'prod/registry/main.tf':
    'terraform {\n  required_providers {\n    x = { source = "registry.invalid/acme/x" }\n  }\n}\n',
  'prod/provider/main.tf':
    'terraform {\n  required_providers {\n    x = { source = "registry.invalid/acme/x" }\n  }\n}\n',
  'prod/precondition/main.tf': `resource "terraform_data" "x" {
  lifecycle {
    precondition {
      condition     = length(path.module) == 0
      error_message = "never true"
    }
  }
}
`,
  'prod/apply/main.tf': `resource "terraform_data" "before" {}
resource "terraform_data" "x" {
  depends_on = [terraform_data.before]
  provisioner "local-exec" {
    command = "echo it goes wrong; exit 1"
  }
}
`,
  'prod/stale/main.tf': 'resource "terraform_data" "x" {}\n',
};

const stacks = [
  { paths: ['prod/version'], version: '0.0.1' },
  { paths: ['prod/tofu'], binary: 'tofu' },
  { paths: ['prod/grunt'], binary: 'terragrunt' },
  { paths: ['prod/registry'], providers: { allow: ['registry.invalid/acme/*'] } },
  { paths: ['prod/provider'], providers: { allow: ['registry.invalid/acme/*'], mirror: providerMirror() } },
];

/** A directory to be a server's PATH, with these tools in it and nothing else. */
function pathWith(...tools: readonly string[]): string {
  const directory = temporaryDirectory('bin');
  for (const tool of tools) symlinkSync(whereIs(tool) ?? '', join(directory, tool));
  return directory;
}

/** A mirror with a provider that `init` installs and does not run. */
function providerMirror(): string {
  const mirror = temporaryDirectory('mirror');
  const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const directory = join(mirror, 'registry.invalid/acme/x/1.0.0', platform);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'terraform-provider-x_v1.0.0'), '#!/bin/sh\n', { mode: 0o755 });
  return mirror;
}

describe.skipIf(requires('sshd', 'terraform'))('a run whose tool', { timeout: 90_000 }, () => {
  let installation: Installation;
  let withoutTools: Installation;
  const bin = pathWith('git', 'ssh');
  const text = async ({ server }: Installation, run: Run) =>
    stripVTControlCharacters((await server.logs(run.id)).map(line => line.text).join('\n'));

  beforeAll(async () => {
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    [installation, withoutTools] = await Promise.all([
      install(repository.dir, { stacks }),
      install(repository.dir, { stacks, env: { PATH: bin } }),
    ]);
  });
  afterAll(() => Promise.all([installation, withoutTools].map(one => one?.stop())));

  test.each([
    ['terraform', 'prod/fine'],
    ['tofu', 'prod/tofu'],
    ['terragrunt', 'prod/grunt'],
  ])('is %s and missing fails before anything is fetched', async (binary, path) => {
    const run = await refused(withoutTools.server, plan(path), 'E_BINARY_MISSING');
    expect(run.error?.message).toContain(`\`${binary}\``);
    expect(run.commit).toBeUndefined();
  });

  test('has another version than the policy wants fails', async () => {
    const run = await failed(installation.server, plan('prod/version'), 'E_BINARY_VERSION');
    expect(run.error?.message).toMatch(/^the policy wants terraform 0\.0\.1, this worker has \d+\.\d+\.\d+/);
  });

  test.each([
    ['cannot read the configuration', 'prod/syntax', 'E_INIT', 'Unclosed configuration block'],
    ['misses a local module', 'prod/module', 'E_INIT', 'Unreadable module directory'],
    ['cannot reach the registry of a provider', 'prod/registry', 'E_INIT', 'registry.invalid'],
    ['finds a reference to nothing', 'prod/reference', 'E_PLAN', 'Reference to undeclared resource'],
    ['meets a precondition that does not hold', 'prod/precondition', 'E_PLAN', 'never true'],
  ])('%s fails, and says why in the log', async (_what, path, code, words) => {
    const run = await failed(installation.server, plan(path), code);
    expect(run).toMatchObject({ state: 'failed', exitCode: 1, terraformStarted: true });
    expect(await text(installation, run)).toContain(words);
    expect(run.planId).toBeUndefined();
  });

  test('needs a provider that the lock file does not have fails', async () => {
    const run = await failed(installation.server, plan('prod/provider'), 'E_LOCK_FILE');
    expect(run.error?.fix).toContain('.terraform.lock.hcl');
  });

  test('fails to apply says so, and the state has what was done before', async () => {
    const planned = await ended(installation.server, plan('prod/apply'));
    const run = await failed(installation.server, apply('prod/apply', planned.id), 'E_APPLY');
    expect(run).toMatchObject({ state: 'failed', exitCode: 1 });
    expect(await text(installation, run)).toContain('it goes wrong');
    const next = await ended(installation.server, plan('prod/apply'));
    expect(next.changes).toEqual([{ address: 'terraform_data.x', action: 'replace' }]);
  });

  test('finds the state changed since the plan refuses it as stale', async () => {
    const { server } = installation;
    const planned = await ended(server, plan('prod/stale'));
    expect(await ended(server, apply('prod/stale', planned.id))).toMatchObject({ state: 'succeeded' });
    const directory = join(server.dataDir, 'state');
    const state = join(directory, readdirSync(directory).find(name => name.includes('prod~stale~')) ?? '');
    const content = JSON.parse(readFileSync(state, 'utf8')) as { serial: number; resources: unknown[] };
    // Somebody removes the resource from the state, so that there is something to plan, and then touches it once more.
    writeFileSync(state, JSON.stringify({ ...content, serial: content.serial + 1, resources: [] }));
    const second = await ended(server, plan('prod/stale'));
    expect(second.counts).toMatchObject({ create: 1 });
    writeFileSync(state, JSON.stringify({ ...content, serial: content.serial + 2, resources: [] }));
    const run = await failed(server, apply('prod/stale', second.id), 'E_PLAN_STALE');
    expect(run).toMatchObject({ state: 'failed', exitCode: 6 });
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ serial: content.serial + 2 });
  });

  test('was missing is found once it is there, without a restart', async () => {
    symlinkSync(whereIs('terraform') ?? '', join(bin, 'terraform'));
    expect(await ended(withoutTools.server, plan('prod/fine'))).toMatchObject({ state: 'succeeded' });
  });
});
