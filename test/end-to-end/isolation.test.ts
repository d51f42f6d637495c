/** Planned and applied code looks for what is the server's, with the means that Terraform gives it. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLines } from '../support/processes.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Server, startServer } from '../support/server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whereIs } from '../support/where-is.ts';
import { ended } from '../task-image/stage.ts';
import { designRules } from './installation.ts';

const dataDir = temporaryDirectory('data');
const elsewhere = join(temporaryDirectory('elsewhere'), 'secret');
const data = '${path.module}/../../../..';

const read = {
  token: `file("${data}/server.json")`,
  key: `filebase64("${data}/root.key")`,
  other: `file("${elsewhere}")`,
  files: `join(" ", fileset("${dataDir}", "{*,state/**,plans/**}"))`,
  worker: 'join(" ", fileset("/proc", "*/environ"))',
};
const outputs = Object.entries({ ...read, workspace: 'terraform.workspace' }).map(
  ([name, value]) => `output "${name}" {\n  value = "${name}: \${try(${value}, "nothing")}."\n}\n`,
);
const files = {
  'prod/look/main.tf': `${outputs.join('')}resource "terraform_data" "look" {
  provisioner "local-exec" {
    command = "sh look.sh"
  }
}
`,
  'prod/look/look.sh': `env
id -u
cat ${dataDir}/server.json ${dataDir}/root.key ${elsewhere} 2> /dev/null
ls ${dataDir} ${dataDir}/work ${dataDir}/state
cat /proc/[0-9]*/environ | tr '\\0' '\\n'
setsid env -i sleep 8${process.pid}.5 > /dev/null 2>&1 < /dev/null &
`,
};

/** What an administrator's shell, or whoever starts the server, may have set: none of it is for Terraform or git. */
const ambient = {
  TF_CLI_ARGS: '-chdir=/etc',
  TF_CLI_ARGS_init: '-from-module=/nowhere',
  TF_CLI_ARGS_plan: '-destroy',
  TF_CLI_ARGS_apply: '-destroy',
  TF_CLI_CONFIG_FILE: '/nowhere/cli.tfrc',
  TF_DATA_DIR: '/nowhere/data',
  TF_ENCRYPTION: 'nonsense',
  TF_LOG: 'trace',
  TF_LOG_PATH: join(dataDir, 'trace'),
  TF_PLUGIN_CACHE_DIR: '/nowhere/cache',
  TF_REATTACH_PROVIDERS: '{"x":{}}',
  TF_TOKEN_app_terraform_io: 'secret-ambient',
  TF_VAR_x: 'secret-ambient',
  TF_WORKSPACE: 'evil',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'core.sshCommand',
  GIT_CONFIG_VALUE_0: '/nowhere/ssh',
  GIT_DIR: '/nowhere/git',
  GIT_SSH_COMMAND: '/nowhere/ssh',
  AWS_PROFILE: 'admin',
  AWS_ACCESS_KEY_ID: 'secret-ambient',
  AWS_SECRET_ACCESS_KEY: 'secret-ambient',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  HTTPS_PROXY: 'http://127.0.0.1:1',
  SSL_CERT_FILE: '/nowhere/ca.pem',
  LD_PRELOAD: '/nowhere/lib.so',
  HOME: '/nowhere',
};

describe.skipIf(requires('terraform', 'sandbox'))('code that is planned and applied', { timeout: 90_000 }, () => {
  let server: Server;
  let said = '';

  const logOf = async (id: string) =>
    stripVTControlCharacters((await server.logs(id)).map(({ text }) => text).join('\n'));

  beforeAll(async () => {
    writeFileSync(elsewhere, 'secret-elsewhere');
    const { dir } = bareRepository(join(temporaryDirectory('repo'), 'infra.git'), files);
    const stacks = [{ paths: ['prod/**'], gate: { allow: ['provisioner', 'file-path'] } }];
    const policy = { version: 1, repositories: { 'infra-live': { url: dir, rules: designRules, stacks } } };
    server = await startServer({ policy, dataDir, env: ambient });
    const plan = await ended(server, { command: 'plan', path: 'prod/look', ref: 'main' });
    expect(plan.error).toBeUndefined();
    expect(plan).toMatchObject({ state: 'succeeded', counts: { create: 1, delete: 0 } });
    said = await logOf(plan.id);
    const apply = await ended(server, { command: 'apply', path: 'prod/look', ref: 'main', planId: plan.id });
    expect(apply.error).toBeUndefined();
    said += await logOf(apply.id);
  });
  afterAll(() => server?.stop());

  test('finds neither tokens nor keys, states, plans or files of the machine', () => {
    for (const name of ['token', 'key', 'other', 'files']) expect(said).toContain(`"${name}: nothing."`);
    // Its own, which is empty of secrets.
    expect(said).toContain('"worker: 1/environ self/environ thread-self/environ."');
    expect(said).not.toContain(server.tokens.deploy);
    expect(said).not.toContain(server.tokens.audit);
    expect(said).not.toContain(readFileSync(join(dataDir, 'root.key'), 'base64'));
    expect(said).not.toContain('secret-elsewhere');
    expect(said).not.toMatch(/ledger\.sqlite|server\.json|root\.key/);
  });

  test('gets nothing of the environment of server and worker', () => {
    expect(said).toContain('TF_IN_AUTOMATION=1');
    expect(said).not.toMatch(
      /INFRA_DEPLOYER_(TICKET|DOOR)|secret-ambient|AWS_PROFILE|GIT_SSH_COMMAND|LD_PRELOAD|\/nowhere/,
    );
    expect(said).toContain('"workspace: default."');
    expect(readdirSync(dataDir)).not.toContain('trace');
  });

  test('is nobody, and leaves nobody behind', () => {
    expect(said).toMatch(/: 1000$/m);
    expect(commandLines(`8${process.pid}.5`)).toEqual([]);
  });

  test('keeps its state where the server keeps states', () => {
    const [state = ''] = readdirSync(join(dataDir, 'state')).filter(name => name.endsWith('.tfstate'));
    expect(readFileSync(join(dataDir, 'state', state), 'utf8')).toContain('terraform_data');
  });

  test('is told to run in namespaces in the log of the server', () => {
    expect(server.log()).toContain('Terraform runs in namespaces of its own');
  });
});

test.skipIf(requires('terraform'))(
  'a server that cannot isolate Terraform warns of it, works, and is well',
  { timeout: 60_000 },
  async () => {
    const bin = join(temporaryDirectory('bin'), 'bin');
    mkdirSync(bin);
    for (const tool of ['git', 'terraform']) symlinkSync(whereIs(tool) ?? '', join(bin, tool));
    const { dir } = bareRepository(join(temporaryDirectory('repo'), 'infra.git'), {
      'prod/a/main.tf': 'resource "terraform_data" "x" {}\n',
    });
    const policy = { version: 1, repositories: { 'infra-live': { url: dir, rules: designRules } } };
    const server = await startServer({ policy, env: { PATH: bin } });
    expect(await ended(server, { command: 'plan', path: 'prod/a', ref: 'main' })).toMatchObject({ state: 'succeeded' });
    expect(server.log().match(/Terraform is not isolated: .* fix: install bubblewrap/g)).toHaveLength(1);
    expect(server.log()).toContain('`bwrap` is not installed');
    expect(await server.api('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    await server.stop();
  },
);
