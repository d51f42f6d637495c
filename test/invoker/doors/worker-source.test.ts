import { beforeEach, describe, expect, test } from 'vitest';
import type { Orders, SourceAnswer } from '../../../policies/contract/worker.ts';
import { commitA, commitB } from '../sample-run.ts';
import { type Plane, testPlane } from '../test-plane.ts';
import { must, planned, source, upload, workerOf } from '../test-worker.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});

describe('source', () => {
  test('settles what the run is about, once', async () => {
    const worker = await workerOf(plane);
    expect(await must(worker.tell('source', { ...source, tip: commitB }))).toEqual({ keepPlan: true });
    expect(await plane.shown(worker.id)).toMatchObject({ ref: source.ref, commit: commitA, tip: commitB });
    expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'resolved', commit: commitA, ref: source.ref });
    for (const again of [source, { ...source, commit: commitB, tip: commitB }])
      expect(await worker.refused('source', again)).toEqual([400, 'E_BAD_REQUEST']);
    expect((await plane.shown(worker.id)).commit).toBe(commitA);
  });

  test('that is told twice, since the first answer got lost, is answered and recorded as one', async () => {
    const worker = await workerOf(plane);
    const tell = () => must(worker.tell('source', source));
    expect([await tell(), await tell()]).toEqual([{ keepPlan: true }, { keepPlan: true }]);
    await must(worker.tell('phase', { phase: 'plan' }));
    expect(await tell()).toEqual({ keepPlan: true });
    expect(await worker.refused('source', { ...source, ref: 'refs/tags/main' })).toEqual([400, 'E_BAD_REQUEST']);
    expect(await plane.kinds(worker.id)).toEqual(['accepted', 'started', 'resolved', 'refused']);
  });

  test('that is told twice gives an apply its plan twice', async () => {
    const planId = await planned(plane);
    const worker = await workerOf(plane, { command: 'apply' });
    const tell = () => must(worker.tell<SourceAnswer>('source', source));
    for (const { plan } of [await tell(), await tell()]) expect(plan).toMatchObject({ planId, ...upload });
  });

  test('keeps the plan only of a ref that may be applied', async () => {
    const worker = await workerOf(plane, { ref: 'feature' });
    const answer = await must(worker.tell('source', { ...source, ref: 'refs/heads/feature' }));
    expect(answer).toEqual({ keepPlan: false });
    expect(await worker.refused('plan', upload)).toEqual([400, 'E_BAD_REQUEST']);
  });

  test('keeps no plan of a commit that was only reached from a ref that may be applied', async () => {
    const worker = await workerOf(plane, { ref: commitA });
    expect(await must(worker.tell('source', source))).toEqual({ keepPlan: false });
  });

  test.each([
    ['a ref that nobody asked for', { ref: 'refs/heads/other' }, [403, 'E_REF_NOT_ALLOWED']],
    ['a short ref', { ref: 'main' }, [400, 'E_REF_SYNTAX']],
    ['a commit that is none', { commit: 'main' }, [400, 'E_SCHEMA']],
    ['another commit than the one that is meant', { commit: commitB }, [400, 'E_BAD_REQUEST']],
  ])('is refused for %s', async (_, part, answer) => {
    const worker = await workerOf(plane, { sha: commitA });
    expect(await worker.refused('source', { ...source, ...part })).toEqual(answer);
    expect(await plane.shown(worker.id)).not.toHaveProperty('commit');
    // What has no form never was an attempt.
    const refusals = (await plane.trail()).filter(({ event }) => event.kind === 'refused').map(({ event }) => event);
    const [, code] = answer;
    expect(refusals).toMatchObject(code === 'E_SCHEMA' ? [] : [{ code, run: worker.id, caller: 'deploy token' }]);
  });

  test('gives an apply the one plan that fits, by a url of its own', async () => {
    const planId = await planned(plane);
    const worker = await workerOf(plane, { command: 'apply' });
    const { plan } = await must(worker.tell<SourceAnswer>('source', source));
    expect(plan).toMatchObject({ planId, ...upload });
    const fetched = await plane.app.inject({ url: plan?.url ?? '' });
    expect(fetched.payload).toBe('a saved plan');
    expect(await plane.shown(worker.id)).toMatchObject({ planId });
  });

  test('gives an apply none for another commit', async () => {
    await planned(plane);
    const worker = await workerOf(plane, { command: 'apply' });
    expect(await worker.refused('source', { ...source, commit: commitB })).toEqual([409, 'E_PLAN_MISSING']);
  });
});

describe('phase', () => {
  test('runs nothing of the repository before its source is settled', async () => {
    const worker = await workerOf(plane);
    for (const phase of ['init', 'plan'])
      expect(await worker.refused('phase', { phase })).toEqual([400, 'E_BAD_REQUEST']);
    expect((await plane.shown(worker.id)).terraformStarted).toBe(false);
  });

  test('goes forward only', async () => {
    const worker = await workerOf(plane);
    await must(worker.tell('source', source));
    for (const phase of ['source', 'init', 'init', 'plan']) await must(worker.tell<Orders>('phase', { phase }));
    expect(await worker.refused('phase', { phase: 'init' })).toEqual([400, 'E_BAD_REQUEST']);
    expect(await worker.refused('phase', { phase: 'apply' })).toEqual([400, 'E_BAD_REQUEST']);
    expect(await worker.refused('phase', { phase: 'worker' })).toEqual([400, 'E_SCHEMA']);
    expect(await plane.shown(worker.id)).toMatchObject({ phase: 'plan', terraformStarted: true });
  });

  test('never is apply for a plan, whether or not there is a plan to apply', async () => {
    for (const plans of [0, 1]) {
      for (let n = 0; n < plans; n++) await planned(plane, { path: 'prod/app' });
      const worker = await workerOf(plane, { path: 'prod/app' });
      await must(worker.tell('source', source));
      expect(await worker.refused('phase', { phase: 'apply' })).toEqual([400, 'E_BAD_REQUEST']);
      await must(worker.tell('finish', { outcome: 'failed' }));
      plane.gone.add(worker.id);
      await plane.round();
    }
    const [{ receipt, status } = {}] = await plane.ledger.receipts('infra-live', 'prod/app', commitA);
    expect([receipt?.path, status]).toEqual(['prod/app', 'good']);
  });
});
describe('plan', () => {
  test('is granted once, for what the run says of itself, however often it is asked for', async () => {
    const worker = await workerOf(plane);
    expect(await worker.refused('plan', upload)).toEqual([400, 'E_BAD_REQUEST']);
    await must(worker.tell('source', source));
    const { url } = await must(worker.tell<{ url: string }>('plan', upload));
    expect(url).toContain(`/plans/${worker.id}?digest=${upload.digest}&size=${upload.size}&`);
    expect(await must(worker.tell<{ url: string }>('plan', upload))).toEqual({ url });
    for (const other of [{ size: upload.size + 1 }, { digest: 'b'.repeat(64) }])
      expect(await worker.refused('plan', { ...upload, ...other })).toEqual([400, 'E_BAD_REQUEST']);
  });

  test.each([
    { ...upload, size: 0 },
    { ...upload, size: 256 * 1024 * 1024 + 1 },
    { ...upload, digest: 'x' },
    { digest: upload.digest },
    { ...upload, key: 'x' },
  ])('is refused for %j', async body => {
    const worker = await workerOf(plane);
    await must(worker.tell('source', source));
    expect(await worker.refused('plan', body)).toEqual([400, 'E_SCHEMA']);
  });
});
