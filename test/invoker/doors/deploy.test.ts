import { Value } from 'typebox/value';
import { beforeEach, describe, expect, test } from 'vitest';
import { digestOf, newRunId } from '../../../invoker/secret.ts';
import {
  type Created,
  CreatedSchema,
  type Logs,
  LogsSchema,
  type Run,
  RunSchema,
} from '../../../policies/contract/run.ts';
import { commitA } from '../sample-run.ts';
import { type ErrorAnswer, openPolicy, type Plane, planOnlyPolicy, testPlane, tokens } from '../test-plane.ts';
import { claimRun, end, finished, must, source, workerOf } from '../test-worker.ts';

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

describe('a run key', () => {
  test('reads and cancels its run, and nothing else', async () => {
    const [mine, other] = [await plane.submit(), await plane.submit()];
    expect((await read(mine.run.id, mine.runKey)).body.id).toBe(mine.run.id);
    for (const [method, url] of [
      ['GET', `/v1/runs/${other.run.id}`],
      ['GET', `/v1/runs/${other.run.id}/logs`],
      ['POST', `/v1/runs/${other.run.id}/cancel`],
    ] as const)
      expect((await plane.ask(method, url, { token: mine.runKey })).status).toBe(404);
    for (const url of ['/v1/runs', '/v1/audit'])
      expect((await plane.ask('GET', url, { token: mine.runKey })).status).toBe(401);
    expect((await plane.ask('POST', `/v1/runs/${mine.run.id}/cancel`, { token: mine.runKey })).status).toBe(202);
    expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'cancel', caller: `run key of ${mine.run.id}` });
  });

  test('is worth nothing one hour after the end', async () => {
    const { run, runKey } = await plane.submit();
    await end(plane, await claimRun(plane, run.id), finished);
    plane.clock.now += 60 * 60 * 1000 - 1;
    expect((await read(run.id, runKey)).status).toBe(200);
    plane.clock.now += 1;
    expect((await read(run.id, runKey)).status).toBe(404);
    expect((await read(run.id)).status).toBe(200);
  });
});

describe('a run that is not there and one that is not yours', () => {
  test('are answered with the same bytes', async () => {
    const { run } = await plane.submit();
    for (const [method, tail] of [
      ['GET', ''],
      ['GET', '/logs'],
      ['POST', '/cancel'],
    ] as const) {
      const [foreign, missing] = [
        await plane.ask(method, `/v1/runs/${run.id}${tail}`, { token: 'k_made-up' }),
        await plane.ask(method, `/v1/runs/${newRunId()}${tail}`, { token: 'k_made-up' }),
      ];
      expect([foreign.status, foreign.text]).toEqual([404, missing.text]);
      expect((await plane.ask(method, `/v1/runs/${run.id}${tail}`)).status).toBe(401);
    }
    expect((await plane.ask('POST', `/v1/runs/${run.id}/cancel`, { token: tokens.audit })).text).toBe(
      (await plane.ask('POST', `/v1/runs/${newRunId()}/cancel`, { token: tokens.audit })).text,
    );
  });
});

describe('the log of a run', () => {
  const logs = (id: string, cursor = '') =>
    plane.ask<Logs>('GET', `/v1/runs/${id}/logs${cursor && `?cursor=${cursor}`}`, { token });

  test('is read from a cursor on, to its end, which carries the result', async () => {
    const worker = await workerOf(plane);
    const line = (text: string) => ({ phase: 'plan', text });
    await must(worker.tell('log', { seq: 0, lines: [line('one'), line('two')] }));
    const first = await logs(worker.id);
    expect(first.body).toMatchObject({
      lines: [{ text: 'one' }, { text: 'two' }],
      pollMs: 100,
      run: { id: worker.id },
    });
    expect(first.body).not.toHaveProperty('end');
    expect(Value.Check(LogsSchema, first.body)).toBe(true);
    await must(worker.tell('log', { seq: 1, lines: [line('three')] }));
    await end(plane, worker, { outcome: 'failed', error: { code: 'E_PLAN', message: 'no' } });
    const second = await logs(worker.id, first.body.cursor);
    expect(second.body).toMatchObject({ lines: [{ text: 'three' }], end: { state: 'failed', exitCode: 1 } });
    const late = await logs(worker.id);
    expect(late.body.lines.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
    expect((await logs(worker.id, '99')).body).toMatchObject({ lines: [], end: { state: 'failed' } });
  });

  test('comes in answers below 1 MB, the end with the last of them', async () => {
    const worker = await workerOf(plane);
    const lines = Array.from({ length: 5 }, () => ({ phase: 'plan', text: '\u20ac'.repeat(60_000) }));
    for (let seq = 0; seq < 4; seq++) await must(worker.tell('log', { seq, lines: lines.slice(0, 4) }));
    await must(worker.tell('finish', finished));
    let [cursor, count, answers] = ['0', 0, 0];
    for (let ended = false; !ended; answers++) {
      const { body: page, text } = await logs(worker.id, cursor);
      expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
      if (!page.end) expect(page.pollMs).toBe(0);
      count += page.lines.length;
      [cursor, ended] = [page.cursor, page.end !== undefined];
    }
    expect([count, answers]).toEqual([16, 4]);
  });
});

describe('cancel', () => {
  const cancel = (id: string) => plane.ask<Run & ErrorAnswer>('POST', `/v1/runs/${id}/cancel`, { token });
  const cancels = async () => (await plane.trail()).filter(({ event }) => event.kind === 'cancel').length;

  test('ends a run that waits, and the next of its path may start', async () => {
    const [{ run }, next] = [await plane.submit(), await plane.submit()];
    expect((await cancel(run.id)).body).toMatchObject({
      state: 'canceled',
      exitCode: 1,
      error: { code: 'E_CANCELED' },
    });
    await plane.round();
    expect((await read(next.run.id)).body.state).toBe('starting');
    expect(await cancels()).toBe(1);
  });

  test('ends a run whose worker has not claimed it, and its ticket', async () => {
    const { run } = await plane.submit();
    await plane.round();
    expect((await cancel(run.id)).body.state).toBe('canceled');
    const claim = { run: run.id, ticket: plane.tickets.get(run.id) };
    expect((await plane.ask('POST', '/worker/v1/claim', { body: claim })).status).toBe(401);
  });

  test('tells a running worker to stop, with every answer, and is recorded once', async () => {
    const worker = await workerOf(plane);
    for (let time = 0; time < 3; time++)
      expect(await cancel(worker.id)).toMatchObject({ status: 202, body: { state: 'running' } });
    expect(await cancels()).toBe(1);
    for (const [operation, told] of [
      ['heartbeat', {}],
      ['log', { seq: 0, lines: [] }],
      ['phase', { phase: 'source' }],
    ] as const)
      expect(await must(worker.tell(operation, told))).toEqual({ stop: 'canceled' });
    await must(worker.tell('source', source));
    await end(plane, worker, { outcome: 'canceled', error: { code: 'E_CANCELED', message: 'the run was canceled' } });
    expect((await read(worker.id)).body).toMatchObject({ state: 'canceled', exitCode: 1 });
  });

  test('is refused for a run that has ended', async () => {
    const worker = await workerOf(plane);
    await end(plane, worker, finished);
    expect(await cancel(worker.id)).toMatchObject({ status: 409, body: { error: { code: 'E_RUN_ENDED' } } });
    expect(await cancels()).toBe(0);
  });

  test('is refused for a run that ended although it was canceled', async () => {
    const worker = await workerOf(plane);
    await cancel(worker.id);
    await end(plane, worker, finished);
    expect(await cancel(worker.id)).toMatchObject({ status: 409, body: { error: { code: 'E_RUN_ENDED' } } });
  });

  test('takes no body, and an empty one named as JSON', async () => {
    const { run } = await plane.submit();
    const headers = { 'content-type': 'application/json' };
    expect((await plane.ask('POST', `/v1/runs/${run.id}/cancel`, { token, headers })).status).toBe(202);
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
