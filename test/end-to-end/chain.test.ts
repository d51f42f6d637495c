/** The main job through every part: CLI, doors, ledger, keeper, worker, git over SSH, Terraform, and back to the caller. */

import { cpSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyChain } from '../../policies/audit-chain.ts';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { startServer } from '../support/server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Installation, install } from './installation.ts';
import { leftFiles, leftProcesses } from './leftovers.ts';

const slow = (name: string, seconds: number) => `resource "terraform_data" "${name}" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = "for i in 1 2 3 4 5 6 7 8 9 10; do echo tick $i; sleep ${seconds / 10}; done"
  }
}
`;

const files = {
  'prod/vpc/main.tf':
    'resource "terraform_data" "vpc" { input = "10.0.0.0/16" }\noutput "id" { value = terraform_data.vpc.id }\n',
  'prod/slow/main.tf': slow('slow', 3),
  'prod/queue/main.tf': slow('queue', 1),
  'staging/vpc/main.tf': 'resource "terraform_data" "vpc" {}\n',
  'README.md': 'infrastructure\n',
};

interface JsonResult {
  readonly run: { readonly id: string; readonly planId?: string; readonly state: string; readonly commit: string };
  readonly exitCode: number;
}

describe.skipIf(requires('sshd', 'terraform'))('the main job', () => {
  let repository: Repository;
  let installation: Installation;
  beforeAll(async () => {
    repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    repository.commit('feature/nat', { 'prod/vpc/nat.tf': 'resource "terraform_data" "nat" {}\n' }, { from: 'main' });
    installation = await install(repository.dir, {
      leaseSeconds: 5,
      stacks: [{ paths: ['prod/**'], gate: { allow: ['provisioner'] } }],
    });
  });
  afterAll(() => installation.stop());

  const cli = async (...args: string[]) => {
    const finished = await installation.server.cli([...args, '--json']);
    return { ...finished, result: JSON.parse(finished.stdout) as JsonResult };
  };
  const asked = (command: string, path: string, ref = 'main') => ['--command', command, '--path', path, '--ref', ref];

  test('plans, applies exactly that plan, and then finds no changes', async () => {
    const plan = await installation.server.cli(asked('plan', 'prod/vpc'));
    expect(plan).toMatchObject({ status: 0 });
    expect(plan.stdout).toContain('1 to add');
    expect(plan.stdout).toContain('+ terraform_data.vpc');
    const planId = /--plan-id (r_\w+)/.exec(plan.stdout)?.[1] ?? '';
    const applied = await cli(...asked('apply', 'prod/vpc'), '--plan-id', planId);
    expect(applied.result).toMatchObject({
      exitCode: 0,
      run: { state: 'succeeded', planId, counts: { create: 1 }, serial: { before: 0 } },
    });
    const again = await installation.server.cli([...asked('plan', 'prod/vpc'), '--detailed-exitcode']);
    expect(again).toMatchObject({ status: 0 });
    expect(again.stdout).toMatch(/no changes/i);
  });

  test('a plan is applied once only, and only where it was made', async () => {
    const { result: plan } = await cli(...asked('plan', 'staging/vpc'), '--detailed-exitcode');
    expect(plan.exitCode).toBe(2);
    const planId = plan.run.planId ?? '';
    const elsewhere = await installation.server.cli([...asked('apply', 'prod/vpc'), '--plan-id', planId]);
    expect(elsewhere).toMatchObject({ status: 6 });
    expect((await cli(...asked('apply', 'staging/vpc'))).result).toMatchObject({ exitCode: 0, run: { planId } });
    const twice = await installation.server.cli([...asked('apply', 'staging/vpc'), '--plan-id', planId]);
    expect(twice).toMatchObject({ status: 6 });
    expect(twice.stderr).toContain('E_PLAN_USED');
  });

  test('an apply without a plan is never a success', async () => {
    const none = await installation.server.cli(asked('apply', 'prod/queue'));
    expect(none).toMatchObject({ status: 6 });
    expect(none.stderr).toContain('E_PLAN_MISSING');
  });

  test('an apply from a feature branch is denied with its rule, and its plan is not kept', async () => {
    const { result: plan } = await cli(...asked('plan', 'prod/vpc', 'feature/nat'));
    expect(plan).toMatchObject({ exitCode: 0 });
    expect(plan.run.planId).toBeUndefined();
    const denied = await installation.server.cli(asked('apply', 'prod/vpc', 'feature/nat'));
    expect(denied).toMatchObject({ status: 5 });
    expect(denied.stderr).toContain('apply-reviewed');
    expect(denied.stderr).toContain('E_REF_NOT_ALLOWED');
  });

  test('a merge between plan and apply does not enter the apply', async () => {
    const { result: plan } = await cli(...asked('plan', 'prod/vpc'));
    const planned = plan.run.commit;
    repository.commit('main', { 'prod/vpc/later.tf': 'resource "terraform_data" "later" {}\n' });
    const { result } = await cli(...asked('apply', 'prod/vpc'), '--plan-id', plan.run.planId ?? '');
    expect(result).toMatchObject({ exitCode: 0, run: { commit: planned, tip: repository.id('main') } });
    const { result: next } = await cli(...asked('plan', 'prod/vpc'));
    expect(next.run).toMatchObject({ changes: [{ address: 'terraform_data.later', action: 'create' }] });
  });

  test('a sha that is older than the tip is proved and planned, a stranger is refused', async () => {
    const old = repository.id('main~1');
    const { result } = await cli(...asked('plan', 'prod/vpc'), '--sha', old);
    expect(result).toMatchObject({ exitCode: 0, run: { commit: old } });
    const stranger = await cli(...asked('plan', 'prod/vpc'), '--sha', repository.id('feature/nat'));
    expect(stranger).toMatchObject({ status: 5 });
    expect(stranger.result.run).toMatchObject({ error: { code: 'E_COMMIT_NOT_REACHABLE' }, terraformStarted: false });
  });

  // A machine that is busy with something else for half a second says nothing about us: then it is measured again.
  test('lines reach the caller within 300 ms, and a late reader gets the same lines', { retry: 2 }, async () => {
    const { server } = installation;
    const plan = await server.submit({ command: 'plan', path: 'prod/slow', ref: 'main' });
    await server.waitForEnd(plan.run.id);
    const { run } = await server.submit({ command: 'apply', path: 'prod/slow', ref: 'main', planId: plan.run.id });
    const seen: { text: string; at: number }[] = [];
    for (let cursor = '0'; ; ) {
      const { body } = await server.api('GET', `/v1/runs/${run.id}/logs?cursor=${cursor}`);
      const page = body as { lines: { text: string }[]; cursor: string; pollMs: number; end?: object };
      seen.push(...page.lines.map(({ text }) => ({ text, at: Date.now() })));
      if (page.end) break;
      cursor = page.cursor;
      await new Promise(resolve => setTimeout(resolve, page.pollMs));
    }
    expect(await server.logs(run.id)).toEqual(await server.logs(run.id));
    expect((await server.logs(run.id)).map(({ text }) => text)).toEqual(seen.map(({ text }) => text));
    const ticks = seen.filter(({ text }) => /tick \d+$/.test(text));
    expect(ticks).toHaveLength(10);
    // The ticks are written 300 ms apart: what is streamed comes in that rhythm, what is held back comes at once.
    const gaps = ticks.slice(1).map(({ at }, index) => at - (ticks[index]?.at ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(300 + 300);
    expect(gaps.filter(gap => gap > 100).length).toBeGreaterThanOrEqual(7);
  });

  test('runs of one path wait in arrival order and are told their place; other paths do not wait', async () => {
    const { server } = installation;
    const first = await server.submit({ command: 'plan', path: 'prod/queue', ref: 'main' });
    const second = await server.submit({ command: 'plan', path: 'prod/queue', ref: 'main' });
    const third = await server.submit({ command: 'plan', path: 'prod/queue', ref: 'main' });
    const other = await server.submit({ command: 'plan', path: 'staging/vpc', ref: 'main' });
    expect(third.run).toMatchObject({ state: 'queued', position: 2, ahead: [first.run.id, second.run.id] });
    const ends = await Promise.all([first, second, third, other].map(({ run }) => server.waitForEnd(run.id)));
    expect(ends.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded']);
    const [a, b, c] = ends;
    expect((a?.endedAt ?? '') <= (b?.startedAt ?? '') && (b?.endedAt ?? '') <= (c?.startedAt ?? '')).toBe(true);
  });

  test('a repeated requestId starts nothing new, and one used for something else is refused', async () => {
    const { server } = installation;
    const body = { command: 'plan', path: 'prod/vpc', ref: 'main', requestId: 'once-and-only' } as const;
    const [one, two] = await Promise.all([server.submit(body), server.submit(body)]);
    expect(two).toMatchObject({ run: { id: one.run.id }, runKey: one.runKey });
    const other = await server.api('POST', '/v1/runs', { ...body, path: 'staging/vpc' });
    expect(other).toMatchObject({ status: 409, body: { error: { code: 'E_REQUEST_ID_REUSED' } } });
    await server.waitForEnd(one.run.id);
  });

  test('canceling an apply interrupts Terraform once; state is kept and nothing is left', async () => {
    const { server } = installation;
    const plan = await server.submit({ command: 'plan', path: 'prod/slow', ref: 'main' });
    await server.waitForEnd(plan.run.id);
    const { run, runKey } = await server.submit({
      command: 'apply',
      path: 'prod/slow',
      ref: 'main',
      planId: plan.run.id,
    });
    await expect.poll(async () => (await server.run(run.id)).phase, { timeout: 10_000 }).toBe('apply');
    await new Promise(resolve => setTimeout(resolve, 500));
    expect(await server.api('POST', `/v1/runs/${run.id}/cancel`, undefined, runKey)).toMatchObject({ status: 202 });
    expect(await server.waitForEnd(run.id)).toMatchObject({ state: 'canceled', error: { code: 'E_CANCELED' } });
    await expect.poll(() => leftProcesses(server.dataDir)).toEqual([]);
    await expect.poll(() => leftFiles(server.dataDir)).toEqual([]);
  });

  test('what the server keeps is for its owner only', () => {
    const { dataDir } = installation.server;
    const modes = ['.', 'server.json', 'root.key', 'ledger.sqlite', 'plans', 'state', 'work'].map(name =>
      (statSync(join(dataDir, name)).mode & 0o077).toString(8),
    );
    expect(new Set(modes)).toEqual(new Set(['0']));
    for (const plan of readdirSync(join(dataDir, 'plans')))
      expect(statSync(join(dataDir, 'plans', plan)).mode & 0o077).toBe(0);
  });

  test('the audit trail of all this verifies, and with one byte changed it does not', async () => {
    const { server } = installation;
    const { body } = await server.api('GET', '/v1/audit?limit=500', undefined, server.tokens.audit);
    const { entries } = body as { entries: AuditEntry[] };
    expect(entries.length).toBeGreaterThan(30);
    expect(new Set(entries.map(({ event }) => event.kind))).toEqual(
      new Set(['policy', 'accepted', 'started', 'resolved', 'applying', 'cancel', 'ended', 'refused']),
    );
    expect(verifyChain(entries)).toMatchObject({ ok: true, seq: entries.length });

    await server.stop();
    const copy = join(temporaryDirectory('tampered'), 'data');
    cpSync(server.dataDir, copy, { recursive: true });
    const database = new DatabaseSync(join(copy, 'ledger.sqlite'));
    const changed = database
      .prepare(
        "update audit set entry = replace(entry, 'prod/slow', 'prod/slaw') where seq = (select min(seq) from audit where entry like '%prod/slow%') returning seq",
      )
      .get();
    database.close();
    const tampered = await startServer({ policy: installation.policyText, dataDir: copy });
    const health = await tampered.api('GET', '/healthz');
    expect(health).toMatchObject({ status: 503, body: { status: 'degraded' } });
    expect(JSON.stringify(health.body)).toContain(`entry ${changed?.seq}`);
    await tampered.stop();
  });
});
