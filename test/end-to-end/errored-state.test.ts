/** An apply whose backend does not take the state: what was made is known nowhere else, so the state is kept. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { startServer } from '../support/server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { designRules } from './installation.ts';
import { leftFiles } from './leftovers.ts';

describe.skipIf(requires('terraform'))('an apply', () => {
  test('whose state the backend refuses keeps it, and says where', async () => {
    const backend = createServer((request, response) => {
      request.resume();
      response.writeHead(request.method === 'POST' ? 403 : 404).end();
    }).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const address = `http://127.0.0.1:${(backend.address() as AddressInfo).port}/state`;
    const { dir } = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), {
      'prod/vpc/main.tf': 'terraform {\n  backend "http" {}\n}\nresource "terraform_data" "made" {}\n',
    });
    const stacks = [{ paths: ['prod/**'], backend: { type: 'http', config: { address } } }];
    const policy = { version: 1, repositories: { 'infra-live': { url: dir, rules: designRules, stacks } } };
    const server = await startServer({ policy });
    const plan = await server.submit({ command: 'plan', path: 'prod/vpc', ref: 'main' });
    expect(await server.waitForEnd(plan.run.id)).toMatchObject({ state: 'succeeded' });
    const { run } = await server.submit({ command: 'apply', path: 'prod/vpc', ref: 'main', planId: plan.run.id });
    const ended = await server.waitForEnd(run.id);
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'E_APPLY' } });
    expect(ended.error?.fix).toContain('errored.tfstate');
    await expect.poll(() => leftFiles(server.dataDir)).toEqual([]);
    const [kept = ''] = readdirSync(join(server.dataDir, 'state'));
    expect(kept).toContain(`${run.id}.errored.tfstate`);
    expect(readFileSync(join(server.dataDir, 'state', kept), 'utf8')).toContain('"made"');
    await server.stop();
    backend.close();
  });

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
