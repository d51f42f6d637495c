import { beforeEach, describe, expect, test } from 'vitest';
import type { Identity } from '../../../policies/contract/identity.ts';
import type { RequestBody } from '../../../policies/contract/request.ts';
import { anna, ben, distinctPolicy, type Jobs, jobsPlane } from '../test-jobs.ts';
import { type Plane, tokens } from '../test-plane.ts';
import { begin, claimRun, end, finishPlan } from '../test-worker.ts';

describe('a rule that wants another person to apply', () => {
  let jobs: Jobs;
  let plane: Plane;
  let count: number;
  beforeEach(async () => {
    jobs = await jobsPlane(distinctPolicy);
    plane = jobs.plane;
    count = 400;
  });
  /** Every call is a job of its own. */
  const job = (who: Identity, isMergeRequest = false) =>
    jobs.tokenOf({ ...who, job: `${count++}`, isMergeRequest, ...(isMergeRequest ? { ref: 'refs/heads/nat' } : {}) });
  const plan = async (bearer: string, request: Partial<RequestBody> = {}) => {
    const worker = await claimRun(plane, (await jobs.accepted(bearer, request)).run.id);
    await finishPlan(plane, worker);
    return worker.id;
  };
  const mergeRequestPlan = async (who: Identity, path = 'prod/vpc') => {
    const { run } = await jobs.accepted(job(who, true), { ref: 'nat', path });
    const worker = await claimRun(plane, run.id);
    await begin(worker, { ref: 'refs/heads/nat' });
    await end(plane, worker, { outcome: 'succeeded' });
  };
  const apply = { command: 'apply' } as const;

  test('refuses whoever planned it in the merge request, and believes anybody else', async () => {
    await mergeRequestPlan(anna);
    await plan(job(anna));
    expect(await jobs.refused(job(anna), apply)).toEqual([403, 'E_SAME_PERSON']);
    const { run } = await jobs.accepted(job(ben), apply);
    const worker = await claimRun(plane, run.id);
    expect(worker.claimed.asker).toMatchObject({ identity: { user: '8' }, planners: ['gitlab:7'] });
    await begin(worker);
    await end(plane, worker, { outcome: 'succeeded' });
  });

  test('refuses everybody who planned it there, each once', async () => {
    for (const who of [anna, ben, anna]) await mergeRequestPlan(who);
    await plan(job(anna));
    for (const who of [anna, ben]) expect(await jobs.refused(job(who), apply)).toEqual([403, 'E_SAME_PERSON']);
    const carla = { ...anna, user: '9', login: 'carla.m' };
    const { run } = await jobs.accepted(job(carla), apply);
    expect((await claimRun(plane, run.id)).claimed.asker.planners).toEqual(['gitlab:7', 'gitlab:8']);
  });

  test('wants that somebody planned it there: not on the branch, not at another path, and not in vain', async () => {
    await plan(job(anna));
    await mergeRequestPlan(anna, 'prod/app');
    const failed = await claimRun(plane, (await jobs.accepted(job(anna, true), { ref: 'nat' })).run.id);
    await end(plane, failed, { outcome: 'failed' });
    await plan(tokens.deploy);
    expect(await jobs.refused(job(ben), apply)).toEqual([403, 'E_SAME_PERSON']);
  });

  test('wants it anew after each apply', async () => {
    await mergeRequestPlan(anna);
    await plan(job(anna));
    const worker = await claimRun(plane, (await jobs.accepted(job(ben), apply)).run.id);
    await begin(worker);
    await end(plane, worker, { outcome: 'succeeded' });
    await plan(job(anna));
    expect(await jobs.refused(job(ben), apply)).toEqual([403, 'E_SAME_PERSON']);
    await mergeRequestPlan(ben);
    expect(await jobs.refused(job(ben), apply)).toEqual([403, 'E_SAME_PERSON']);
    expect((await jobs.accepted(job(anna), apply)).run.rule).toBe('apply-project');
  });
});
