import { beforeEach, describe, expect, test } from 'vitest';
import type { RequestBody } from '../../../policies/contract/request.ts';
import { commitA, commitB } from '../sample-run.ts';
import { anna, caller, type Jobs, jobsPlane } from '../test-jobs.ts';
import { type Plane, tokens } from '../test-plane.ts';
import { claimRun, finishPlan } from '../test-worker.ts';

let jobs: Jobs;
let plane: Plane;
let token: string;
beforeEach(async () => {
  jobs = await jobsPlane();
  plane = jobs.plane;
  token = jobs.tokenOf(anna);
});
const events = async () => (await plane.trail()).map(({ event }) => event);

describe('a token that is replayed', () => {
  test('gets the run that it has, whatever requestId comes with it', async () => {
    const first = await jobs.accepted(token, { requestId: 'job-302-plan' });
    for (const again of [{ requestId: 'job-302-plan' }, { requestId: 'another-id' }, {}])
      expect(await jobs.accepted(token, again)).toEqual(first);
    // The same job with a token that was made later.
    expect(await jobs.accepted(jobs.tokenOf({ ...anna }), { requestId: 'a-third-id' })).toEqual(first);
    expect((await plane.ledger.list({ limit: 9 })).length).toBe(1);
    expect((await events()).map(({ kind }) => kind)).toEqual(['accepted']);
  });

  test('gets one run when it comes many times at once', async () => {
    const answers = await Promise.all(
      ['id-number-1', 'id-number-2', 'id-number-3'].map(requestId => jobs.accepted(token, { requestId })),
    );
    expect(new Set(answers.map(({ run }) => run.id)).size).toBe(1);
    expect((await plane.ledger.list({ limit: 9 })).length).toBe(1);
  });

  test.each<Partial<RequestBody>>([
    { ref: 'develop' },
    { ref: 'refs/heads/main' },
    { repo: 'infra-live' },
    { sha: commitA },
  ])('is refused with another request for the same path and commit: %j', async other => {
    await jobs.accepted(token);
    expect(await jobs.refused(token, other)).toEqual([409, 'E_REQUEST_ID_REUSED']);
    expect((await events()).at(-1)).toMatchObject({
      kind: 'refused',
      code: 'E_REQUEST_ID_REUSED',
      caller,
      user: 'gitlab:7',
    });
  });

  test('gets a run of its own for another path, another command, or as another job', async () => {
    const { run } = await jobs.accepted(token);
    await finishPlan(plane, await claimRun(plane, run.id));
    const ids = [run.id];
    for (const [bearer, request] of [
      [token, { path: 'prod/app' }],
      [token, { command: 'apply' }],
      [jobs.tokenOf({ ...anna, job: '304' }), {}],
      [jobs.tokenOf({ ...anna, commit: commitB }), { path: 'prod/dns' }],
      [tokens.deploy, {}],
    ] as const)
      ids.push((await jobs.accepted(bearer, request)).run.id);
    expect(new Set(ids).size).toBe(6);
  });

  test('is not the request of a machine that chose the same requestId', async () => {
    const requestId = 'job-302-plan';
    const [mine, machine] = [
      await jobs.accepted(token, { requestId }),
      await jobs.accepted(tokens.deploy, { requestId }),
    ];
    expect(mine.run.id).not.toBe(machine.run.id);
  });
});
