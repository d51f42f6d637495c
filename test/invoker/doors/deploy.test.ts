import { Value } from 'typebox/value';
import { beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../invoker/secret.ts';
import { type Created, CreatedSchema, type Run, RunSchema } from '../../../policies/contract/run.ts';
import { commitA } from '../sample-run.ts';
import { type ErrorAnswer, openPolicy, type Plane, planOnlyPolicy, testPlane, tokens } from '../test-plane.ts';

const token = tokens.deploy;
const body = { command: 'plan', path: 'prod/vpc', ref: 'main' } as const;

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});
const create = (request: object = {}) =>
  plane.ask<Created & ErrorAnswer>('POST', '/v1/runs', { token, body: { ...body, ...request } });
const read = (id: string, bearer: string | undefined = token) =>
  plane.ask<Run & ErrorAnswer>('GET', `/v1/runs/${id}`, { token: bearer });

describe('a run that is asked for', () => {
  test('is there with its key, is on the audit trail, and wakes the keeper', async () => {
    const { status, body: created, requestId: _ } = await create({ sha: commitA });
    expect(status).toBe(202);
    expect(Value.Check(CreatedSchema, created)).toBe(true);
    expect(created.run).toMatchObject({ state: 'queued', position: 0, ahead: [], rule: 'plan-anywhere' });
    expect((await read(created.run.id)).body).toEqual(created.run);
    expect((await plane.trail()).map(({ event }) => event)).toMatchObject([
      { kind: 'accepted', run: created.run.id, rule: 'plan-anywhere', policyDigest: digestOf(openPolicy), ref: 'main' },
    ]);
    expect(plane.wakes()).toBe(1);
  });

  test('may name its repository by name or url', async () => {
    expect((await create({ repo: 'infra-live' })).status).toBe(202);
    expect((await create({ repo: '/srv/infra-live.git' })).body.run.repo).toBe('infra-live');
  });

  test('knows its place behind the others of its path', async () => {
    const [first, , third] = [await plane.submit(), await plane.submit({ path: 'prod/app' }), await plane.submit()];
    expect(third.run).toMatchObject({ position: 1, ahead: [first.run.id] });
  });

  test('is shown, and its log, without reading the runs of other paths', async () => {
    const reads: string[] = [];
    plane = await testPlane({
      ledger: real => ({
        ...real,
        open: () => Promise.reject(new Error('every run that waits would be read')),
        openOf: async (repo, path) => {
          reads.push(path);
          return real.openOf(repo, path);
        },
      }),
    });
    const { run } = await plane.submit();
    expect(await plane.shown(run.id)).toMatchObject({ position: 0 });
    expect((await plane.ask('GET', `/v1/runs/${run.id}/logs`, { token: tokens.deploy })).status).toBe(200);
    expect(new Set(reads)).toEqual(new Set(['prod/vpc']));
  });

  test('is refused while too many wait', async () => {
    plane = await testPlane({ maxQueued: 1 });
    await plane.submit();
    const { status, body: refused } = await create();
    expect([status, refused.error.code]).toEqual([429, 'E_BUSY']);
    expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'refused', code: 'E_BUSY' });
    await plane.round();
    expect((await create()).status).toBe(202);
  });
});

describe('a request that is sent again with its requestId', () => {
  const requestId = 'job-302-plan';

  test('is answered as the first time, and starts nothing', async () => {
    const first = await create({ requestId });
    const again = await create({ requestId });
    expect([again.status, again.body]).toEqual([202, first.body]);
    expect((await plane.trail()).length).toBe(1);
  });

  test('is answered as the first time even when the policy has changed since, or everything is busy', async () => {
    plane = await testPlane({ maxQueued: 1 });
    const first = await create({ requestId });
    plane.setPolicy(openPolicy.replaceAll('prod/**', 'other/**'));
    expect((await create({ requestId })).body.run.id).toBe(first.body.run.id);
    expect((await create()).status).toBe(403);
  });

  test('is one run when both arrive at once', async () => {
    const answers = await Promise.all([create({ requestId }), create({ requestId }), create({ requestId })]);
    expect(new Set(answers.map(answer => answer.body.run.id)).size).toBe(1);
    expect((await plane.ledger.list({ limit: 9 })).length).toBe(1);
  });

  test.each([{ ref: 'develop' }, { path: 'prod/app' }, { sha: commitA }, { repo: 'infra-live' }, { mode: 'normal' }])(
    'is refused when it says something else: %j',
    async other => {
      await create({ requestId });
      const { status, body: refused } = await create({ requestId, ...other });
      expect([status, refused.error.code]).toEqual([409, 'E_REQUEST_ID_REUSED']);
      expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'refused', code: 'E_REQUEST_ID_REUSED' });
    },
  );
});

describe('decisions', () => {
  test('tell the rule, or the reasons, and start nothing', async () => {
    plane.setPolicy(planOnlyPolicy);
    const ask = (command: string) =>
      plane.ask('POST', '/v1/decisions', { token, body: { ...body, command, requestId: 'job-302-plan' } });
    expect(await ask('plan')).toMatchObject({
      status: 200,
      body: { outcome: 'allow', rule: 'plan-anywhere', reasons: [] },
    });
    expect(await ask('apply')).toMatchObject({
      status: 200,
      body: { outcome: 'deny', reasons: [{ code: 'E_COMMAND_NOT_ALLOWED', rule: 'plan-anywhere' }] },
    });
    expect(await plane.ledger.list({ limit: 9 })).toEqual([]);
    expect([await plane.trail(), plane.wakes()]).toEqual([[], 0]);
  });
});

test('every answer may be kept by nobody and is what it says it is', async () => {
  for (const url of ['/v1/runs', '/openapi.json', '/nowhere']) {
    const { headers } = await plane.app.inject({ url });
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  }
  const { run } = await plane.submit();
  expect(Value.Check(RunSchema, (await read(run.id)).body)).toBe(true);
});
