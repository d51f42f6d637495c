import { beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../invoker/secret.ts';
import type { Finish } from '../../../policies/contract/worker.ts';
import { openPolicy, otherPolicy, type Plane, planOnlyPolicy, testPlane, tokens } from '../test-plane.ts';
import { begin, claimRun, end, finished, must, planned, source, storePlan, workerOf } from '../test-worker.ts';

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

  test('is told which lock file the plan was made with, where it was made with one', async () => {
    const lockDigest = digestOf('a lock file');
    const reports: Finish[] = [finished, { ...finished, lockDigest }];
    for (const report of reports) {
      const planning = await workerOf(plane);
      await begin(planning);
      await storePlan(plane, planning);
      await end(plane, planning, report);
      const worker = await workerOf(plane, { command: 'apply', planId: planning.id });
      const { plan } = await begin(worker);
      expect(plan?.lockDigest).toBe(report.lockDigest);
      await end(plane, worker, finished);
    }
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
    for (const [status, code] of [
      ['spent', 'E_PLAN_USED'],
      ['stale', 'E_PLAN_STALE'],
    ]) {
      plane.database.exec(`update receipts set status = '${status}'`);
      expect(await worker.refused('phase', { phase: 'apply' })).toEqual([409, code]);
      expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'refused', run: worker.id, planId, code });
    }
    expect(await plane.shown(worker.id)).toMatchObject({ phase: 'source', state: 'running' });
    expect(await plane.kinds(worker.id)).not.toContain('applying');
  });

  test('is refused when the receipt expired while it waited, and not a moment before', async () => {
    const planId = await planned(plane);
    const { expiresAt = '' } = (await plane.ledger.receipt(planId))?.receipt ?? {};
    const late = await applying(planId);
    plane.clock.now = Date.parse(expiresAt);
    expect(await late.refused('phase', { phase: 'apply' })).toEqual([409, 'E_PLAN_EXPIRED']);
    expect(await plane.kinds(late.id)).toEqual(['accepted', 'started', 'resolved', 'refused']);
    expect((await plane.ledger.receipt(planId))?.status).toBe('good');
    plane.clock.now -= 1;
    await must(late.tell('phase', { phase: 'apply' }));
  });

  test('is refused for a receipt that was changed while it waited', async () => {
    const worker = await applying(await planned(plane));
    plane.database.exec("update receipts set receipt = replace(receipt, '2026-05-04', '2027-05-04')");
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([409, 'E_PLAN_DAMAGED']);
  });

  test('is refused once the run is canceled, and the receipt stays good', async () => {
    const planId = await planned(plane);
    const worker = await applying(planId);
    await plane.ask('POST', `/v1/runs/${worker.id}/cancel`, { token: tokens.deploy });
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([403, 'E_CANCELED']);
    expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'refused', code: 'E_CANCELED', run: worker.id });
    expect((await plane.ledger.receipt(planId))?.status).toBe('good');
    await end(plane, worker, { outcome: 'canceled' });
    const again = await applying(planId);
    await must(again.tell('phase', { phase: 'apply' }));
    await plane.ask('POST', `/v1/runs/${again.id}/cancel`, { token: tokens.deploy });
    // It has begun: it is told to stop, not that it may not.
    expect(await must(again.tell('phase', { phase: 'apply' }))).toEqual({ stop: 'canceled' });
  });

  test('is recorded with the policy under which it began', async () => {
    const worker = await applying(await planned(plane));
    const later = `${openPolicy}# reviewed\n`;
    plane.setPolicy(later);
    await must(worker.tell('phase', { phase: 'apply' }));
    expect((await plane.trail()).at(-1)?.event).toMatchObject({
      kind: 'applying',
      run: worker.id,
      policyDigest: digestOf(later),
    });
  });

  test('shows what its plan said would change, once that is done', async () => {
    const counts = { create: 1, update: 0, delete: 0, replace: 0 };
    const changes = [{ address: 'aws_eip.nat', action: 'create' as const }];
    const plan = await workerOf(plane);
    await begin(plan);
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
  test.each([
    ['its path', 'E_PATH_NOT_ALLOWED', openPolicy.replaceAll('prod/**', 'dev/**')],
    // The only repository there is now is another one than the run was accepted for.
    ['its repository', 'E_REPO_NOT_ALLOWED', otherPolicy],
  ])('after a run was accepted, in %s: its worker gets nothing, and the run ends as denied', async (_, code, later) => {
    const { run } = await plane.submit();
    plane.setPolicy(later);
    await expect(claimRun(plane, run.id)).rejects.toThrow(`403 {"error":{"code":"${code}"`);
    expect(await plane.shown(run.id)).toMatchObject({ state: 'failed', error: { code }, exitCode: 5 });
    expect(await plane.kinds(run.id)).toEqual(['accepted', 'ended']);
  });

  test('before the source is settled: it is refused', async () => {
    const worker = await workerOf(plane);
    plane.setPolicy(planOnlyPolicy.replaceAll('refs/heads/**', 'refs/heads/x'));
    expect(await worker.refused('source', source)).toEqual([403, 'E_REF_NOT_ALLOWED']);
    plane.setPolicy(otherPolicy);
    expect(await worker.refused('source', source)).toEqual([403, 'E_REPO_NOT_ALLOWED']);
    const refusals = (await plane.trail()).filter(({ event }) => event.kind === 'refused').map(({ event }) => event);
    expect(refusals).toMatchObject([
      { run: worker.id, code: 'E_REF_NOT_ALLOWED' },
      { run: worker.id, code: 'E_REPO_NOT_ALLOWED' },
    ]);
  });

  test('before the apply begins: it does not begin, and the receipt stays good', async () => {
    const planId = await planned(plane);
    const worker = await workerOf(plane, { command: 'apply', planId });
    await must(worker.tell('source', source));
    plane.setPolicy(planOnlyPolicy);
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([403, 'E_COMMAND_NOT_ALLOWED']);
    expect((await plane.ledger.receipt(planId))?.status).toBe('good');
    expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'refused', code: 'E_COMMAND_NOT_ALLOWED' });
  });

  test('for the ref that was found, before the apply begins: it does not begin', async () => {
    const planId = await planned(plane);
    const worker = await workerOf(plane, { command: 'apply', planId });
    await must(worker.tell('source', source));
    // What was asked for, `main`, may still be the tag: what it turned out to be may not be applied any more.
    plane.setPolicy(openPolicy.replace('refs: [refs/heads/main]', 'refs: [refs/tags/main]'));
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([403, 'E_REF_NOT_ALLOWED']);
    expect((await plane.ledger.receipt(planId))?.status).toBe('good');
    plane.setPolicy(openPolicy);
    await must(worker.tell('phase', { phase: 'apply' }));
  });

  test('while a plan runs: the run ends as it says, and no receipt is left', async () => {
    const worker = await workerOf(plane);
    await begin(worker);
    await storePlan(plane, worker);
    plane.setPolicy(otherPolicy);
    await must(worker.tell('finish', finished));
    expect((await plane.shown(worker.id)).state).toBe('succeeded');
    expect(await plane.ledger.receipt(worker.id)).toBeUndefined();
  });
});
