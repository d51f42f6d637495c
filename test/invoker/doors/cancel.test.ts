import { beforeEach, describe, expect, test } from 'vitest';
import type { Run } from '../../../policies/contract/run.ts';
import { type ErrorAnswer, type Plane, testPlane, times, tokens } from '../test-plane.ts';
import { begin, end, finished, must, source, workerOf } from '../test-worker.ts';

const token = tokens.deploy;

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
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
    expect((await plane.shown(next.run.id)).state).toBe('starting');
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
    expect(await plane.shown(worker.id)).toMatchObject({ state: 'canceled', exitCode: 1 });
  });

  test('ends the run of a worker that goes on all the same, after the overtime', async () => {
    const worker = await workerOf(plane);
    await cancel(worker.id);
    const last = plane.clock.now + times.overtimeMs;
    while (plane.clock.now < last) {
      plane.clock.now = Math.min(last, plane.clock.now + times.leaseMs);
      await must(worker.tell('heartbeat', {}));
      await plane.round();
    }
    expect((await plane.shown(worker.id)).state).toBe('running');
    plane.clock.now += 1;
    await plane.round();
    expect(await plane.shown(worker.id)).toMatchObject({
      state: 'canceled',
      error: { code: 'E_CANCELED' },
      exitCode: 1,
    });
    expect(await plane.kinds(worker.id)).toEqual(['accepted', 'started', 'cancel', 'ended']);
    expect(await worker.refused('heartbeat', {})).toEqual([409, 'E_RUN_ENDED']);
  });

  test('is refused for a run that has ended', async () => {
    const worker = await workerOf(plane);
    await begin(worker);
    await end(plane, worker, finished);
    expect(await cancel(worker.id)).toMatchObject({ status: 409, body: { error: { code: 'E_RUN_ENDED' } } });
    expect(await cancels()).toBe(0);
  });

  test('is refused for a run that ended although it was canceled', async () => {
    const worker = await workerOf(plane);
    await begin(worker);
    await cancel(worker.id);
    await end(plane, worker, finished);
    expect((await plane.shown(worker.id)).state).toBe('succeeded');
    expect(await cancel(worker.id)).toMatchObject({ status: 409, body: { error: { code: 'E_RUN_ENDED' } } });
  });

  test('takes no body, and an empty one named as JSON', async () => {
    const { run } = await plane.submit();
    const headers = { 'content-type': 'application/json' };
    expect((await plane.ask('POST', `/v1/runs/${run.id}/cancel`, { token, headers })).status).toBe(202);
  });
});
