import { Value } from 'typebox/value';
import { beforeEach, describe, expect, test } from 'vitest';
import { verifyChain } from '../../../policies/audit-chain.ts';
import { type AuditEntry, AuditListSchema } from '../../../policies/contract/audit-entry.ts';
import { type Run, RunListSchema } from '../../../policies/contract/run.ts';
import { queuedRun } from '../sample-run.ts';
import { type ErrorAnswer, type Plane, testPlane, tokens } from '../test-plane.ts';
import { end, must, planned, workerOf } from '../test-worker.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});
const get = <Body>(url: string, token: string = tokens.audit) => plane.ask<Body>('GET', url, { token });
const runs = async (query = '') => (await get<{ runs: Run[] }>(`/v1/runs${query}`)).body.runs;
const entries = async (query = '') => (await get<{ entries: AuditEntry[] }>(`/v1/audit${query}`)).body.entries;

describe('the audit door', () => {
  test.each([tokens.deploy, 'k_made-up'])('is closed to the token %s', async token => {
    for (const url of ['/v1/runs', '/v1/audit']) {
      const { status, body } = await get<ErrorAnswer>(url, token);
      expect([status, body.error.code]).toEqual([401, 'E_UNAUTHENTICATED']);
      expect((await plane.ask('GET', url)).status).toBe(401);
    }
  });

  test('reads every run and its log, and cancels none', async () => {
    const { run } = await plane.submit();
    expect((await get(`/v1/runs/${run.id}`)).status).toBe(200);
    expect((await get(`/v1/runs/${run.id}/logs`)).status).toBe(200);
    expect((await plane.ask('POST', `/v1/runs/${run.id}/cancel`, { token: tokens.audit })).status).toBe(404);
    expect((await runs())[0]?.state).toBe('queued');
  });

  test.each([
    '/v1/runs?limit=-1',
    '/v1/runs?state=open',
    '/v1/runs?owner=x',
    '/v1/audit?after=x',
    '/v1/audit?limit=1e3',
  ])('refuses %s', async url => {
    const { status, body } = await get<ErrorAnswer>(url);
    expect([status, body.error.code]).toEqual([400, 'E_SCHEMA']);
  });
});

describe('the list of runs', () => {
  test('has the newest first, those that wait with their place', async () => {
    const [a, b, c] = [await plane.submit(), await plane.submit(), await plane.submit({ path: 'prod/app' })];
    const list = await runs();
    expect(list.map(({ id }) => id)).toEqual([c.run.id, b.run.id, a.run.id]);
    expect(list[1]).toMatchObject({ position: 1, ahead: [a.run.id] });
    expect(Value.Check(RunListSchema, { runs: list })).toBe(true);
  });

  test('has only what is asked for', async () => {
    const [a, b, c] = [await plane.submit(), await plane.submit(), await plane.submit({ path: 'prod/app' })];
    await plane.round();
    const ids = async (query: string) => (await runs(query)).map(({ id }) => id);
    expect(await ids('?path=prod/vpc')).toEqual([b.run.id, a.run.id]);
    expect(await ids('?state=starting')).toEqual([c.run.id, a.run.id]);
    expect(await ids('?path=prod/vpc&state=queued&repo=infra-live')).toEqual([b.run.id]);
    expect(await ids('?repo=another')).toEqual([]);
    expect(await ids('?limit=2')).toEqual([c.run.id, b.run.id]);
    expect(await ids(`?path=${encodeURIComponent("' or 1=1 --")}`)).toEqual([]);
  });

  test('leaves out what a run changed, which is told of one run at a time', async () => {
    const counts = { create: 1, update: 0, delete: 0, replace: 0 };
    const changes = [{ address: 'aws_eip.nat', action: 'create' as const }];
    const worker = await workerOf(plane);
    await end(plane, worker, { outcome: 'failed', counts, changes });
    const [listed] = await runs();
    expect(listed).toMatchObject({ id: worker.id, counts });
    expect(listed).not.toHaveProperty('changes');
    expect((await get<Run>(`/v1/runs/${worker.id}`)).body).toMatchObject({ counts, changes });
  });

  test('stays below 1 MB whatever its runs say, and has the newest of them', async () => {
    const message = '\u20ac'.repeat(4096);
    const error = { code: 'E_PLAN', message, fix: message };
    const ids: string[] = [];
    for (let n = 0; n < 100; n++) {
      const { run } = await plane.ledger.create(queuedRun(), { kind: 'accepted', caller: 'deploy token' });
      await plane.ledger.transition(0, { ...run, state: 'failed', error });
      ids.unshift(run.id);
    }
    const { text, body } = await get<{ runs: Run[] }>('/v1/runs?limit=100');
    expect(Buffer.byteLength(text)).toBeGreaterThan(800_000);
    expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
    expect(body.runs.map(({ id }) => id)).toEqual(ids.slice(0, body.runs.length));
  });
});

describe('the audit trail', () => {
  test('tells what happened in order, and verifies', async () => {
    await planned(plane);
    await plane.ask('POST', '/v1/runs', { token: tokens.deploy, body: '{' });
    const worker = await workerOf(plane);
    await plane.ask('POST', `/v1/runs/${worker.id}/cancel`, { token: tokens.deploy });
    await must(worker.tell('finish', { outcome: 'canceled' }));
    const trail = await entries();
    expect(trail.map(({ event }) => event.kind)).toEqual([
      'accepted',
      'started',
      'resolved',
      'ended',
      'refused',
      'accepted',
      'started',
      'cancel',
      'ended',
    ]);
    expect(Value.Check(AuditListSchema, { entries: trail })).toBe(true);
    expect(verifyChain(trail, plane.keys.audit)).toMatchObject({ ok: true, seq: 9 });
    expect(verifyChain(trail)).toMatchObject({ ok: true });
  });

  test('is read in pages that continue one another', async () => {
    for (let n = 0; n < 5; n++) await plane.submit();
    const [first, second] = [await entries('?limit=3'), await entries('?after=3&limit=3')];
    expect([first.length, second.length]).toEqual([3, 2]);
    expect(verifyChain(second, plane.keys.audit, first.at(-1))).toMatchObject({ ok: true, seq: 5 });
  });
});
