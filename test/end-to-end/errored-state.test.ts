/** An apply whose backend does not take the state: what was made is known nowhere else, so the state is kept. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Created } from '../../policies/contract/run.ts';
import { bareRepository, type Files } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Server, startServer } from '../support/server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { toolOnPath } from '../support/terraform.ts';
import { designRules } from './installation.ts';
import { leftFiles, leftProcesses } from './leftovers.ts';

const backend = 'terraform {\n  backend "http" {}\n}\n';
const made = `${backend}resource "terraform_data" "made" {}\n`;
/** Makes one thing, and then does not come to its end. */
const endless = (command: string) => `${made}resource "terraform_data" "x" {
  depends_on = [terraform_data.made]
  provisioner "local-exec" {
    command = "${command}"
  }
}
`;

describe.skipIf(requires('terraform'))('an apply whose state the backend refuses', { timeout: 60_000 }, () => {
  /** Plans and applies at a backend that takes nothing; answers the end, the log, and the state that is kept. */
  async function applied(files: Files, entry: object, whenItRuns = async (_: Server, _created: Created) => {}) {
    const refusing = createServer((request, response) => {
      request.resume();
      response.writeHead(request.method === 'POST' ? 403 : 404).end();
    }).listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const address = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}/state`;
    const { dir } = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    const stacks = [{ paths: ['prod/**'], backend: { type: 'http', config: { address } }, ...entry }];
    const policy = { version: 1, repositories: { 'infra-live': { url: dir, rules: designRules, stacks } } };
    const server = await startServer({ policy });
    const plan = await server.submit({ command: 'plan', path: 'prod/vpc', ref: 'main' });
    expect(await server.waitForEnd(plan.run.id)).toMatchObject({ state: 'succeeded' });
    const created = await server.submit({ command: 'apply', path: 'prod/vpc', ref: 'main', planId: plan.run.id });
    await whenItRuns(server, created);
    const { id } = created.run;
    const run = await server.waitForEnd(id);
    await expect.poll(() => leftFiles(server.dataDir), { timeout: 20_000 }).toEqual([]);
    const [kept = ''] = readdirSync(join(server.dataDir, 'state'));
    expect(kept).toContain(`${id}.errored.tfstate`);
    const state = readFileSync(join(server.dataDir, 'state', kept), 'utf8');
    const log = (await server.logs(id)).map(({ text }) => text).join('\n');
    await server.stop();
    refusing.close();
    return { run, state, log };
  }

  const isTold = (code: string) => ({
    code,
    message: expect.stringContaining('the backend did not take the state'),
    fix: expect.stringContaining('errored.tfstate'),
  });

  test('keeps it, and says where', async () => {
    const { run, state } = await applied({ 'prod/vpc/main.tf': made }, {});
    expect(run).toMatchObject({ state: 'failed', error: isTold('E_APPLY') });
    expect(state).toContain('"made"');
  });

  test.skipIf(!toolOnPath('terragrunt'))('keeps it where Terragrunt works in a copy', async () => {
    const files = {
      'prod/vpc/terragrunt.hcl': 'terraform {\n  source = "../../modules//m"\n}\n',
      'modules/m/main.tf': made,
    };
    const { run, state } = await applied(files, { binary: 'terragrunt' });
    expect(run).toMatchObject({ state: 'failed', error: isTold('E_APPLY') });
    expect(state).toContain('"made"');
  });

  test('keeps it where it was canceled, and shows what Terraform says of that', async () => {
    const files = { 'prod/vpc/main.tf': endless('echo asleep; sleep 60') };
    const { run, state, log } = await applied(files, { gate: { allow: ['provisioner'] } }, async (server, created) => {
      const isAsleep = () => leftProcesses(server.dataDir).some(line => line.startsWith('sleep 60'));
      await expect.poll(isAsleep, { timeout: 20_000 }).toBe(true);
      await server.api('POST', `/v1/runs/${created.run.id}/cancel`, undefined, created.runKey);
    });
    expect(run).toMatchObject({ state: 'canceled', error: isTold('E_CANCELED') });
    expect(state).toContain('"made"');
    expect(log).toContain('Failed to save state');
    expect(log).not.toContain('not shown');
  });

  test('keeps it where it has exceeded a limit', async () => {
    const files = { 'prod/vpc/main.tf': endless('yes') };
    const { run, state } = await applied(files, { gate: { allow: ['provisioner'] }, limits: { output_mb: 1 } });
    expect(run).toMatchObject({ state: 'failed', error: isTold('E_LIMIT') });
    expect(run.error?.fix).toContain('limits.output_mb');
    expect(state).toContain('"made"');
  });
});

describe.skipIf(requires('terraform'))('an apply', () => {
  test('that goes well is not taken for one that did not, whatever its code leaves', async () => {
    const forging = `resource "terraform_data" "x" {
      provisioner "local-exec" {
        command = "echo forged >errored.tfstate"
      }
    }
    `;
    const { dir } = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), { 'prod/vpc/main.tf': forging });
    const stacks = [{ paths: ['prod/**'], gate: { allow: ['provisioner'] } }];
    const policy = { version: 1, repositories: { 'infra-live': { url: dir, rules: designRules, stacks } } };
    const server = await startServer({ policy });
    const plan = await server.submit({ command: 'plan', path: 'prod/vpc', ref: 'main' });
    expect(await server.waitForEnd(plan.run.id)).toMatchObject({ state: 'succeeded' });
    const { run } = await server.submit({ command: 'apply', path: 'prod/vpc', ref: 'main', planId: plan.run.id });
    expect(await server.waitForEnd(run.id)).toMatchObject({ state: 'succeeded' });
    await expect.poll(() => leftFiles(server.dataDir), { timeout: 20_000 }).toEqual([]);
    expect(readdirSync(join(server.dataDir, 'state')).filter(name => name.includes('errored'))).toEqual([]);
    await server.stop();
  });
});
