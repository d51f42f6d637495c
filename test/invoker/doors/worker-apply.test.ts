import { beforeEach, describe, expect, test } from 'vitest';
import { otherPolicy, type Plane, planOnlyPolicy, testPlane } from '../test-plane.ts';
import { claimRun, end, finished, must, planned, source, storePlan, workerOf } from '../test-worker.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});

describe('the apply of a plan', () => {
  const applying = async (planId: string) => {
    const worker = await workerOf(plane, { command: 'apply', planId });
    await must(worker.tell('source', source));
    return worker;
  };

  test('spends the receipt when it begins, not before, and once', async () => {
    const planId = await planned(plane);
    const worker = await applying(planId);
    await must(worker.tell('phase', { phase: 'init' }));
    expect((await plane.ledger.receipt(planId))?.status).toBe('good');
    for (let time = 0; time < 2; time++) await must(worker.tell('phase', { phase: 'apply' }));
    expect(await plane.ledger.receipt(planId)).toMatchObject({ status: 'spent', spentBy: worker.id });
    expect(await plane.kinds(worker.id)).toEqual(['accepted', 'started', 'resolved', 'applying']);
  });

  test('makes every other plan of the path stale, and leaves those of other paths alone', async () => {
    const [planId, sibling, elsewhere] = [
      await planned(plane),
      await planned(plane),
      await planned(plane, { path: 'prod/app' }),
    ];
    await must((await applying(planId)).tell('phase', { phase: 'apply' }));
    expect((await plane.ledger.receipt(sibling))?.status).toBe('stale');
    expect((await plane.ledger.receipt(elsewhere))?.status).toBe('good');
  });

  test('is refused, and stays out of the phase, when the receipt was spent meanwhile', async () => {
    const planId = await planned(plane);
    const worker = await applying(planId);
    plane.database.exec("update receipts set status = 'stale'");
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([409, 'E_PLAN_USED']);
    expect(await plane.shown(worker.id)).toMatchObject({ phase: 'source', state: 'running' });
    expect(await plane.kinds(worker.id)).not.toContain('applying');
  });

  test('shows what its plan said would change, once that is done', async () => {
    const counts = { create: 1, update: 0, delete: 0, replace: 0 };
    const changes = [{ address: 'aws_eip.nat', action: 'create' as const }];
    const plan = await workerOf(plane);
    await must(plan.tell('source', source));
    await storePlan(plane, plan);
    await end(plane, plan, { ...finished, counts, changes });
    const worker = await applying(plan.id);
    await must(worker.tell('phase', { phase: 'apply' }));
    await end(plane, worker, { outcome: 'succeeded', state: { before: 3, after: 4 } });
    expect(await plane.shown(worker.id)).toMatchObject({
      counts,
      changes,
      serial: { before: 3, after: 4 },
      exitCode: 0,
    });
  });

  test('removes the plan once its worker is gone, and leaves it when it was never begun', async () => {
    const [used, unused] = [await planned(plane), await planned(plane, { path: 'prod/app' })];
    const worker = await applying(used);
    await must(worker.tell('phase', { phase: 'apply' }));
    await must(worker.tell('finish', { outcome: 'failed' }));
    expect(await plane.plans.has(used)).toBe(true);
    plane.gone.add(worker.id);
    await plane.round();
    expect(await plane.plans.has(used)).toBe(false);
    const idle = await workerOf(plane, { command: 'apply', path: 'prod/app', planId: unused });
    await end(plane, idle, { outcome: 'failed' });
    expect(await plane.plans.has(unused)).toBe(true);
  });
});

describe('a policy that changes', () => {
  test('after a run was accepted: its worker gets nothing, and the run ends as denied', async () => {
    const { run } = await plane.submit();
    plane.setPolicy(otherPolicy.replaceAll('prod/**', 'dev/**'));
    await expect(claimRun(plane, run.id)).rejects.toThrow(/403 .*E_PATH_NOT_ALLOWED/);
    expect(await plane.shown(run.id)).toMatchObject({
      state: 'failed',
      error: { code: 'E_PATH_NOT_ALLOWED' },
      exitCode: 5,
    });
    expect(await plane.kinds(run.id)).toEqual(['accepted', 'ended']);
  });

  test('before the source is settled: it is refused', async () => {
    const worker = await workerOf(plane);
    plane.setPolicy(planOnlyPolicy.replaceAll('refs/heads/**', 'refs/heads/x'));
    expect(await worker.refused('source', source)).toEqual([403, 'E_REF_NOT_ALLOWED']);
    plane.setPolicy(otherPolicy);
    expect(await worker.refused('source', source)).toEqual([403, 'E_REPO_NOT_ALLOWED']);
  });

  test('before the apply begins: it does not begin, and the receipt stays good', async () => {
    const planId = await planned(plane);
    const worker = await workerOf(plane, { command: 'apply', planId });
    await must(worker.tell('source', source));
    plane.setPolicy(planOnlyPolicy);
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([403, 'E_COMMAND_NOT_ALLOWED']);
    expect((await plane.ledger.receipt(planId))?.status).toBe('good');
  });

  test('while a plan runs: the run ends as it says, and no receipt is left', async () => {
    const worker = await workerOf(plane);
    await must(worker.tell('source', source));
    await storePlan(plane, worker);
    plane.setPolicy(otherPolicy);
    await must(worker.tell('finish', finished));
    expect((await plane.shown(worker.id)).state).toBe('succeeded');
    expect(await plane.ledger.receipt(worker.id)).toBeUndefined();
  });
});
