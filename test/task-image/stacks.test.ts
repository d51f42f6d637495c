import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import { type Installation, install } from '../end-to-end/installation.ts';
import { type HttpBackend, startHttpBackend } from '../support/http-backend.ts';
import { bareRepository, type Files } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { toolOnPath } from '../support/terraform.ts';
import { ended } from './stage.ts';

const output = (text: string) => `output "x" {\n  value = ${text}\n}\n`;
const module = (source: string) => `module "m" {\n  source = "${source}"\n}\n${output('module.m.x')}`;
const input = (text: string) =>
  `resource "terraform_data" "x" {\n  input = ${text}\n}\n${output('terraform_data.x.output')}`;

const files: Files = {
  'prod/modules/main.tf': module('../../modules/outer'),
  'modules/outer/main.tf': module('../inner'),
  'modules/inner/main.tf': input(`file("\${path.module}/words.txt")`),
  'modules/inner/words.txt': 'two levels deep',
  'prod/outside/main.tf': input(`file("\${path.module}/../../shared/x.txt")`),
  'shared/x.txt': 'from elsewhere',
  'prod/cwd/main.tf': input('path.cwd'),
  'prod/env/main.tf': `resource "terraform_data" "x" {
  input = "x"
  provisioner "local-exec" {
    command = "env"
  }
}
`,
  'prod/variables/main.tf': `variable "a" {}\nvariable "b" {}\n${input('join(" ", [var.a, var.b])')}`,
  'prod/variables/terraform.tfvars': 'a = "from tfvars"\n',
  'prod/variables/more.auto.tfvars.json': '{"b": "from json"}',
  'prod/tofu/main.tofu': input('"from tofu"'),
  'prod/grunt/terragrunt.hcl': 'include "root" {\n  path = find_in_parent_folders("root.hcl")\n}\n',
  'prod/grunt/main.tf': `terraform {\n  backend "http" {}\n}\nvariable "who" {}\n${input('var.who')}`,
  'root.hcl': 'inputs = {\n  who = "from the root"\n}\n',
};

describe.skipIf(requires('sshd', 'terraform'))('a stack', { timeout: 90_000 }, () => {
  let installation: Installation;
  let backend: HttpBackend;
  beforeAll(async () => {
    backend = await startHttpBackend();
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    const stacks = [
      { paths: ['prod/tofu'], binary: 'tofu' },
      { paths: ['prod/env'], gate: { allow: ['provisioner'] } },
      {
        paths: ['prod/grunt'],
        binary: 'terragrunt',
        backend: { type: 'http', config: { address: `${backend.url}/{path}` } },
      },
    ];
    installation = await install(repository.dir, { stacks });
  });
  afterAll(() => Promise.all([installation?.stop(), backend?.stop()]));

  const plan = (path: string): RequestBody => ({ command: 'plan', path, ref: 'main' });
  const logOf = async (id: string) => (await installation.server.logs(id)).map(line => line.text).join('\n');

  /** Plans a stack with something to do; answers the run, and its log. */
  async function planned(path: string) {
    const run = await ended(installation.server, plan(path));
    expect(run).toMatchObject({ state: 'succeeded', counts: { create: 1 } });
    return { id: run.id, log: await logOf(run.id) };
  }

  /** Applies that plan; answers its log. */
  async function applied(path: string, planId: string): Promise<string> {
    const run = await ended(installation.server, { command: 'apply', path, ref: 'main', planId });
    expect(run.error).toBeUndefined();
    expect(run).toMatchObject({ state: 'succeeded', serial: { before: 0, after: expect.any(Number) } });
    return logOf(run.id);
  }

  test('with local modules two levels deep is planned', async () => {
    expect((await planned('prod/modules')).log).toContain('two levels deep');
  });

  test('that reads a file outside itself is planned', async () => {
    expect((await planned('prod/outside')).log).toContain('from elsewhere');
  });

  test('gets its var files', async () => {
    expect((await planned('prod/variables')).log).toContain('from tfvars from json');
  });

  test('is planned and applied in the same directory, every time', async () => {
    const { id, log } = await planned('prod/cwd');
    expect(log).toContain(join(installation.server.dataDir, 'work', 'infra-live@prod~cwd'));
    await applied('prod/cwd', id);
    expect(await ended(installation.server, plan('prod/cwd'))).toMatchObject({ state: 'succeeded', hasChanges: false });
  });

  test('sees nothing of the worker in its environment', async () => {
    const { id } = await planned('prod/env');
    const log = await applied('prod/env', id);
    expect(log).toContain('TF_IN_AUTOMATION=1');
    expect(log).not.toMatch(/INFRA_DEPLOYER_(TICKET|DOOR)|SSH/);
  });

  test.skipIf(!toolOnPath('tofu'))('of tofu is planned and applied', async () => {
    const { id, log } = await planned('prod/tofu');
    expect(log).toContain('OpenTofu');
    await applied('prod/tofu', id);
    expect(readdirSync(join(installation.server.dataDir, 'state')).join()).toContain('infra-live@prod~tofu');
  });

  test.skipIf(!toolOnPath('terragrunt'))(
    'of terragrunt is planned and applied, with what its parents say',
    async () => {
      const { id, log } = await planned('prod/grunt');
      expect(log).toContain('from the root');
      await applied('prod/grunt', id);
      expect(backend.state('/prod/grunt')).toContain('from the root');
    },
  );
});
