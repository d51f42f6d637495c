import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import { designRules } from '../end-to-end/installation.ts';
import { leftProcesses } from '../end-to-end/leftovers.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Server, startServer } from '../support/server.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { newPipe, type Pipe } from './pipe.ts';
import { ended, nothingLeft } from './stage.ts';

const sleeping = `resource "terraform_data" "before" {}
resource "terraform_data" "x" {
  depends_on = [terraform_data.before]
  provisioner "local-exec" {
    command = "echo asleep; sleep 30"
  }
}
resource "terraform_data" "after" {
  depends_on = [terraform_data.x]
}
`;

describe.skipIf(requires('sshd', 'terraform'))('a run that is canceled', { timeout: 90_000 }, () => {
  let sshd: Sshd;
  let server: Server;
  let pipe: Pipe;
  const silent = createServer(() => {});

  beforeAll(async () => {
    sshd = await startSshd();
    pipe = newPipe();
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), {
      'prod/plan/main.tf': pipe.stack,
      'prod/apply/main.tf': sleeping,
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const section = (url: string, knownHosts: string) => ({
      url,
      deploy_key: `file:${sshd.deployKeyFile}`,
      known_hosts: knownHosts,
      rules: designRules,
      stacks: [pipe.shown],
    });
    const repositories = {
      live: section(sshd.url(repository.dir), sshd.knownHosts),
      silent: section(`ssh://git@127.0.0.1:${port}/x.git`, sshd.knownHosts),
    };
    server = await startServer({ policy: JSON.stringify({ version: 1, repositories }) });
  });
  afterAll(async () => {
    silent.close();
    await server?.stop();
    await sshd?.stop();
  });

  const asked = (path: string, differences: Partial<RequestBody> = {}): RequestBody => ({
    command: 'plan',
    repo: 'live',
    path,
    ref: 'main',
    ...differences,
  });

  /** Asks for a run, waits until it is this far, and cancels it. */
  async function canceled(request: RequestBody, isReached: () => boolean, then = async () => {}) {
    const { run, runKey } = await server.submit(request);
    for (let waits = 0; !isReached(); waits += 1) {
      if (waits > 500) throw new Error(`it never came so far: ${JSON.stringify(await server.run(run.id))}`);
      await sleep(20);
    }
    const began = Date.now();
    expect(await server.api('POST', `/v1/runs/${run.id}/cancel`, undefined, runKey)).toMatchObject({ status: 202 });
    await then();
    const end = await server.waitForEnd(run.id);
    const ms = Date.now() - began;
    await nothingLeft(server);
    return { run: end, ms };
  }

  const runs = (words: string) => () => leftProcesses(server.dataDir).some(line => line.includes(words));
  const isCanceled = { state: 'canceled', exitCode: 1, error: { code: 'E_CANCELED' } };

  test('while it fetches from a server that does not answer ends soon', async () => {
    const { run, ms } = await canceled(asked('prod/plan', { repo: 'silent' }), runs('ssh'));
    expect(run).toMatchObject({ ...isCanceled, terraformStarted: false });
    expect(ms).toBeLessThan(12_000);
  });

  test('while Terraform plans ends with Terraform', async () => {
    const { run, ms } = await canceled(asked('prod/plan'), runs(' plan '), async () => {
      // Terraform finishes what it does before it stops, and here that is to read.
      await sleep(1500);
      setInterval(pipe.letGo, 20).unref();
    });
    expect(run).toMatchObject({ ...isCanceled, phase: 'plan' });
    expect(run.planId).toBeUndefined();
    expect(ms).toBeLessThan(15_000);
  });

  test('while Terraform applies ends soon, with the state of what was done and without what ran', async () => {
    const plan = await ended(server, asked('prod/apply'));
    const { run, ms } = await canceled(asked('prod/apply', { command: 'apply', planId: plan.id }), runs('sleep 30'));
    expect(run).toMatchObject({ ...isCanceled, phase: 'apply' });
    expect(ms).toBeLessThan(15_000);
    const next = await ended(server, asked('prod/apply'));
    expect(next.changes).toEqual([
      { address: 'terraform_data.after', action: 'create' },
      { address: 'terraform_data.x', action: 'replace' },
    ]);
  });
});
