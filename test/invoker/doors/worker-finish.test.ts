import { beforeEach, describe, expect, test } from 'vitest';
import { DoorError } from '../../../invoker/errors.ts';
import { commitA } from '../sample-run.ts';
import { type Plane, testPlane, times } from '../test-plane.ts';
import {
  begin,
  finished,
  must,
  planned,
  source,
  storePlan,
  type TestWorker,
  upload,
  workerOf,
} from '../test-worker.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});

describe('finish', () => {
  const planning = async () => {
    const worker = await workerOf(plane);
    expect(await begin(worker)).toEqual({ keepPlan: true });
    return worker;
  };

  test('leaves a receipt that says what the plan was made from', async () => {
    const worker = await planning();
    await storePlan(plane, worker);
    const tool = { binary: 'terraform', version: '1.11.4' };
    await must(worker.tell('finish', { ...finished, tool, lockDigest: upload.digest }));
    expect((await plane.shown(worker.id)).planId).toBe(worker.id);
    expect((await plane.ledger.receipt(worker.id))?.receipt).toEqual({
      planId: worker.id,
      repo: 'infra-live',
      path: 'prod/vpc',
      ref: source.ref,
      commit: commitA,
      mode: 'normal',
      planDigest: upload.digest,
      planSize: upload.size,
      tool,
      lockDigest: upload.digest,
      stateLineage: 'l',
      stateSerial: 3,
      caller: 'deploy token',
      createdAt: '2026-05-03T14:00:00.000Z',
      expiresAt: '2026-05-04T14:00:00.000Z',
    });
  });

  test('leaves a receipt of a plan of which the worker says nothing else', async () => {
    const worker = await planning();
    await storePlan(plane, worker);
    await must(worker.tell('finish', { outcome: 'succeeded' }));
    const { receipt } = (await plane.ledger.receipt(worker.id)) ?? {};
    expect(Object.keys(receipt ?? {})).not.toEqual(expect.arrayContaining(['stateSerial']));
    expect(receipt).toMatchObject({ planId: worker.id, planDigest: upload.digest });
  });

  test.each<[string, (worker: TestWorker) => Promise<unknown>]>([
    ['failed', worker => storePlan(plane, worker).then(() => must(worker.tell('finish', { outcome: 'failed' })))],
    ['stored no plan', worker => must(worker.tell('finish', finished))],
    [
      'was granted a place and put nothing there',
      async worker => {
        await must(worker.tell('plan', upload));
        await must(worker.tell('finish', finished));
      },
    ],
  ])('leaves no receipt when the plan %s', async (_, ending) => {
    const worker = await planning();
    await ending(worker);
    expect(await plane.ledger.receipt(worker.id)).toBeUndefined();
    expect(await plane.shown(worker.id)).not.toHaveProperty('planId');
  });

  test('counts once, however often it is told', async () => {
    const worker = await planning();
    const wakes = plane.wakes();
    const answers = [];
    for (let time = 0; time < 3; time++) answers.push(await must(worker.tell('finish', finished)));
    expect(answers).toEqual([{}, {}, {}]);
    expect((await plane.kinds(worker.id)).filter(kind => kind === 'ended')).toEqual(['ended']);
    expect(plane.wakes()).toBe(wakes + 1);
    expect(await worker.refused('finish', { outcome: 'failed' })).toEqual([409, 'E_RUN_ENDED']);
    expect((await plane.shown(worker.id)).state).toBe('succeeded');
  });

  test('keeps the words of a worker without what a terminal obeys, and only codes that are known', async () => {
    const worker = await planning();
    const evil = 'a\u001b[31mb\u001b]8;;http://evil\u0007c\r\n\u0000\u202e\u200bd';
    await must(
      worker.tell('finish', {
        outcome: 'failed',
        error: { code: 'E_\u001b[2J', message: evil, fix: evil },
        changes: [{ address: evil, action: 'create' }],
        tool: { binary: evil, version: evil },
      }),
    );
    expect(await plane.shown(worker.id)).toMatchObject({
      error: { code: 'E_WORKER', message: 'abcd', fix: 'abcd' },
      changes: [{ address: 'abcd' }],
      tool: { binary: 'abcd', version: 'abcd' },
      exitCode: 1,
    });
  });

  test('is no success of a run that has not begun what it is for', async () => {
    const worker = await workerOf(plane);
    const succeeds = () => worker.refused('finish', finished);
    expect(await succeeds()).toEqual([400, 'E_BAD_REQUEST']);
    await must(worker.tell('source', source));
    for (const phase of ['init', 'finish']) {
      await must(worker.tell('phase', { phase }));
      expect(await succeeds()).toEqual([400, 'E_BAD_REQUEST']);
    }
    expect(await plane.shown(worker.id)).toMatchObject({ state: 'running' });
    await must(worker.tell('finish', { outcome: 'failed' }));
  });

  test('keeps as many changes as one answer can hold', async () => {
    const worker = await planning();
    const changes = Array.from({ length: 1000 }, (_, n) => ({
      address: `${n}`.padEnd(900, 'x'),
      action: 'create' as const,
    }));
    await must(worker.tell('finish', { ...finished, changes }));
    const kept = (await plane.shown(worker.id)).changes ?? [];
    expect(kept).toEqual(changes.slice(0, kept.length));
    expect(kept.length).toBeGreaterThan(150);
    expect(JSON.stringify(kept).length).toBeLessThan(150_000);
  });

  test.each(['E_SCHEMA', 'E_UNAUTHENTICATED', 'E_BUSY'])(
    'is never for a reason that only a door has: %s',
    async code => {
      const worker = await planning();
      await must(worker.tell('finish', { outcome: 'failed', error: { code, message: 'no' } }));
      expect(await plane.shown(worker.id)).toMatchObject({ error: { code: 'E_WORKER', message: 'no' }, exitCode: 1 });
    },
  );

  test('may carry a message of its own without a fix', async () => {
    const worker = await planning();
    await must(worker.tell('finish', { outcome: 'failed', error: { code: 'E_PLAN', message: 'no' } }));
    expect((await plane.shown(worker.id)).error).toEqual({ code: 'E_PLAN', message: 'no' });
  });

  test.each([
    { outcome: 'lost' },
    { outcome: 'succeeded', counts: { create: -1, update: 0, delete: 0, replace: 0 } },
    { outcome: 'succeeded', planId: 'x' },
    { outcome: 'succeeded', changes: Array.from({ length: 2001 }, () => ({ address: 'x', action: 'create' })) },
  ])('is refused in another shape (%#)', async body => {
    expect(await (await planning()).refused('finish', body)).toEqual([400, 'E_SCHEMA']);
  });

  test('comes too late for a run whose lease is over', async () => {
    const worker = await planning();
    plane.clock.now += times.leaseMs + 1;
    await plane.round();
    expect(await worker.refused('finish', finished)).toEqual([409, 'E_RUN_ENDED']);
    expect((await plane.shown(worker.id)).state).toBe('lost');
  });
});

describe('while the policy cannot be read', () => {
  let isReadable: boolean;
  beforeEach(async () => {
    isReadable = true;
    plane = await testPlane({
      policySource: file => ({
        current: async () => {
          if (isReadable) return file.current();
          throw new DoorError({ code: 'E_POLICY_UNAVAILABLE', message: 'the policy cannot be read' });
        },
      }),
    });
  });
  const keptPlan = async () => {
    const worker = await workerOf(plane);
    await begin(worker);
    await storePlan(plane, worker);
    return worker;
  };

  test('an apply that is over ends as it says', async () => {
    const planId = await planned(plane);
    const worker = await workerOf(plane, { command: 'apply', planId });
    await begin(worker);
    isReadable = false;
    await must(worker.tell('phase', { phase: 'finish' }));
    await must(worker.tell('finish', { outcome: 'succeeded' }));
    expect((await plane.shown(worker.id)).state).toBe('succeeded');
  });

  test('an apply begins no more, and stays what it was', async () => {
    const planId = await planned(plane);
    const worker = await workerOf(plane, { command: 'apply', planId });
    await must(worker.tell('source', source));
    await must(worker.tell('phase', { phase: 'init' }));
    isReadable = false;
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([503, 'E_POLICY_UNAVAILABLE']);
    expect(await plane.ledger.receipt(planId)).toMatchObject({ status: 'good' });
    isReadable = true;
    await must(worker.tell('phase', { phase: 'apply' }));
  });

  test('a plan that failed ends as it says', async () => {
    const worker = await keptPlan();
    isReadable = false;
    await must(worker.tell('finish', { outcome: 'failed' }));
    expect((await plane.shown(worker.id)).state).toBe('failed');
  });

  test('a plan that is to be kept goes on, and leaves its receipt when it is told again', async () => {
    const worker = await keptPlan();
    isReadable = false;
    expect(await worker.refused('finish', finished)).toEqual([503, 'E_POLICY_UNAVAILABLE']);
    await must(worker.tell('heartbeat', {}));
    expect((await plane.shown(worker.id)).state).toBe('running');
    isReadable = true;
    await must(worker.tell('finish', finished));
    expect(await plane.ledger.receipt(worker.id)).toMatchObject({ status: 'good' });
  });
});
