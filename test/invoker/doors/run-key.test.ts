import { beforeEach, describe, expect, test } from 'vitest';
import { newRunId } from '../../../invoker/secret.ts';
import type { Run } from '../../../policies/contract/run.ts';
import { type ErrorAnswer, type Plane, testPlane, tokens } from '../test-plane.ts';
import { claimRun, end } from '../test-worker.ts';

const token = tokens.deploy;

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});
const read = (id: string, bearer: string | undefined = token) =>
  plane.ask<Run & ErrorAnswer>('GET', `/v1/runs/${id}`, { token: bearer });

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
    await end(plane, await claimRun(plane, run.id), { outcome: 'failed' });
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
