/** The server is killed at any instant of a plan and of an apply: what was recorded is there, and nothing goes on unseen. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcesses } from '../../invoker/embedded/run-processes.ts';
import { verifyChain } from '../../policies/audit-chain.ts';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import type { Run } from '../../policies/contract/run.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Installation, install } from './installation.ts';
import { leftFiles, leftProcesses } from './leftovers.ts';

const leaseSeconds = 4;
const points = Array.from({ length: 10 }, (_, index) => index);

const files = {
  'prod/plan/main.tf': 'resource "terraform_data" "many" {\n  count = 1200\n  input = count.index\n}\n',
  'prod/apply/main.tf': `resource "terraform_data" "slow" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = "sleep 1"
  }
}
`,
};

/** A run that was queued starts afresh, one whose worker was cut off before it claimed never began, the rest is lost. */
const ends: Readonly<Record<string, string | undefined>> = {
  succeeded: undefined,
  lost: 'E_LOST',
  failed: 'E_WORKER_START',
};

const expectSuccess = ({ state, error }: Run) => expect({ state, error }).toEqual({ state: 'succeeded' });

describe.skipIf(requires('sshd', 'terraform'))('a server that is killed', () => {
  let installation: Installation;
  let lengths: { plan: number; apply: number };

  const begin = async (command: 'plan' | 'apply'): Promise<string> => {
    const { server } = installation;
    const path = `prod/${command}`;
    if (command === 'plan') return (await server.submit({ command, path, ref: 'main' })).run.id;
    const plan = await server.submit({ command: 'plan', path, ref: 'main' });
    expectSuccess(await server.waitForEnd(plan.run.id));
    return (await server.submit({ command, path, ref: 'main', planId: plan.run.id })).run.id;
  };

  const timed = async (command: 'plan' | 'apply'): Promise<number> => {
    const run = await installation.server.waitForEnd(await begin(command));
    expectSuccess(run);
    return Date.parse(run.endedAt ?? '') - Date.parse(run.createdAt);
  };

  beforeAll(async () => {
    const { dir } = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    installation = await install(dir, {
      leaseSeconds,
      stacks: [{ paths: ['prod/**'], gate: { allow: ['provisioner'] } }],
    });
    lengths = { plan: await timed('plan'), apply: await timed('apply') };
  });
  afterAll(() => installation.stop());

  /** Kills at `point` tenths of the run, and comes back either at once or after the worker has given up. */
  const cut = async (command: 'plan' | 'apply', point: number, awayMs: number): Promise<Run> => {
    const { server } = installation;
    const id = await begin(command);
    await sleep((lengths[command] * point) / points.length);
    await server.kill9();
    await sleep(awayMs);
    await server.restart();
    const run = await server.waitForEnd(id, (leaseSeconds + 3) * 1000 + lengths[command]);
    await expect.poll(() => leftProcesses(server.dataDir), { timeout: 10_000 }).toEqual([]);
    await expect.poll(() => leftFiles(server.dataDir), { timeout: 10_000 }).toEqual([]);
    const next = await server.submit({ command: 'plan', path: run.path, ref: 'main' });
    expectSuccess(await server.waitForEnd(next.run.id));
    return run;
  };

  for (const command of ['plan', 'apply'] as const) {
    test.each(points)(`at %i tenths of a ${command} loses no run`, { timeout: 60_000 }, async point => {
      const awayMs = point % 2 === 0 ? 0 : leaseSeconds * 1000 + 1500;
      const run = await cut(command, point, awayMs);
      expect(Object.keys(ends)).toContain(run.state);
      expect(run.error?.code).toBe(ends[run.state]);
      expect(run.endedAt).toBeDefined();
    });
  }

  test('a worker that is killed in an apply leaves a Terraform that saves its state', { timeout: 60_000 }, async () => {
    const { server } = installation;
    const id = await begin('apply');
    await expect.poll(async () => (await server.run(id)).phase, { timeout: 10_000 }).toBe('apply');
    await sleep(300);
    const worker = runProcesses(id).find(({ isWorker }) => isWorker);
    process.kill(worker?.pid ?? Number.NaN, 'SIGKILL');
    expect(await server.waitForEnd(id, 20_000)).toMatchObject({ state: 'lost', error: { code: 'E_LOST' } });
    await expect.poll(() => leftProcesses(server.dataDir), { timeout: 20_000 }).toEqual([]);
    const [state = ''] = readdirSync(join(server.dataDir, 'state')).filter(name => /apply.*tfstate$/.test(name));
    expect(JSON.parse(readFileSync(join(server.dataDir, 'state', state), 'utf8'))).toMatchObject({
      resources: [{ name: 'slow' }],
    });
    const next = await server.submit({ command: 'plan', path: 'prod/apply', ref: 'main' });
    expectSuccess(await server.waitForEnd(next.run.id));
  });

  test('keeps its address, its tokens and a whole audit trail through all of it', async () => {
    const { server } = installation;
    const { body } = await server.api('GET', '/v1/audit?limit=500', undefined, server.tokens.audit);
    const { entries } = body as { entries: AuditEntry[] };
    expect(verifyChain(entries)).toMatchObject({ ok: true, seq: entries.length });
    const started = entries.filter(({ event }) => event.kind === 'accepted').map(({ event }) => event.run);
    const ended = new Set(entries.filter(({ event }) => event.kind === 'ended').map(({ event }) => event.run));
    expect(started.filter(run => !ended.has(run))).toEqual([]);
    expect(await server.api('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});
