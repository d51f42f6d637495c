import { beforeEach, describe, expect, test } from 'vitest';
import { newRunId } from '../../../invoker/secret.ts';
import type { RequestBody } from '../../../policies/contract/request.ts';
import type { Created } from '../../../policies/contract/run.ts';
import { commitA, commitB } from '../sample-run.ts';
import { type ErrorAnswer, type Plane, testPlane, tokens } from '../test-plane.ts';
import { claimRun, end, must, planned, source } from '../test-worker.ts';

let plane: Plane;
let planId: string;
beforeEach(async () => {
  plane = await testPlane();
  planId = await planned(plane);
});
const ask = (request: Partial<RequestBody>) =>
  plane.ask<Created & ErrorAnswer>('POST', '/v1/runs', {
    token: tokens.deploy,
    body: { command: 'apply', path: 'prod/vpc', ref: 'main', ...request },
  });
const code = async (request: Partial<RequestBody>) => {
  const before = (await plane.ledger.list({ limit: 99 })).length;
  const { status, body } = await ask(request);
  expect(status).toBe(409);
  expect((await plane.ledger.list({ limit: 99 })).length).toBe(before);
  return body.error.code;
};
const apply = async (plan: string) => {
  const worker = await claimRun(plane, (await ask({ planId: plan })).body.run.id);
  await must(worker.tell('source', source));
  await must(worker.tell('phase', { phase: 'apply' }));
  await end(plane, worker, { outcome: 'succeeded' });
  return worker.id;
};

describe('an apply whose plan is known to be of no use starts no worker', () => {
  test('for a plan that is there, it is accepted', async () => {
    expect((await ask({ planId })).body.run).toMatchObject({ state: 'queued', planId });
    expect((await ask({ sha: commitA })).status).toBe(202);
    expect((await ask({})).status).toBe(202);
  });

  test('E_PLAN_MISSING: there is none of that name, or of that commit', async () => {
    expect(await code({ planId: newRunId() })).toBe('E_PLAN_MISSING');
    expect(await code({ sha: commitB })).toBe('E_PLAN_MISSING');
  });

  test('E_PLAN_MISSING: a plan that may not be applied leaves none', async () => {
    const other = await planned(await testPlane());
    expect(await code({ planId: other })).toBe('E_PLAN_MISSING');
  });

  test('E_PLAN_OTHER_STACK: it is of another path', async () => {
    expect(await code({ planId, path: 'prod/app' })).toBe('E_PLAN_OTHER_STACK');
  });

  test('E_PLAN_OTHER_COMMIT: it is not of the commit that is meant', async () => {
    expect(await code({ planId, sha: commitB })).toBe('E_PLAN_OTHER_COMMIT');
  });

  test('E_PLAN_AMBIGUOUS: there are two, and none is named', async () => {
    const second = await planned(plane);
    expect(await code({ sha: commitA })).toBe('E_PLAN_AMBIGUOUS');
    expect((await ask({ planId: second })).status).toBe(202);
  });

  test('E_PLAN_USED: it was applied', async () => {
    const by = await apply(planId);
    const { body } = await ask({ planId });
    expect(body.error).toMatchObject({ code: 'E_PLAN_USED', message: expect.stringContaining(by) });
    expect(await code({ sha: commitA })).toBe('E_PLAN_USED');
  });

  test('E_PLAN_STALE: another plan of the path was applied after it was made', async () => {
    await apply(await planned(plane));
    expect(await code({ planId })).toBe('E_PLAN_STALE');
  });

  test('E_PLAN_EXPIRED: it is older than the policy lets it be', async () => {
    plane.clock.now += 24 * 3_600_000 - 1000;
    expect((await ask({ planId })).status).toBe(202);
    plane.clock.now += 1000;
    expect(await code({ planId })).toBe('E_PLAN_EXPIRED');
  });

  test('E_PLAN_DAMAGED: its receipt was changed', async () => {
    plane.database.exec(`update receipts set receipt = replace(receipt, '"${commitA}"', '"${commitB}"')`);
    expect(await code({ planId })).toBe('E_PLAN_DAMAGED');
    expect(await code({ sha: commitB })).toBe('E_PLAN_DAMAGED');
  });
});
