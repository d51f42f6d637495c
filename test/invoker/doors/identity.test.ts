import { Value } from 'typebox/value';
import { beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../invoker/secret.ts';
import type { ErrorCode } from '../../../policies/contract/error.ts';
import type { Identity } from '../../../policies/contract/identity.ts';
import type { RequestBody } from '../../../policies/contract/request.ts';
import { CreatedSchema, type Run } from '../../../policies/contract/run.ts';
import { commitA, commitB } from '../sample-run.ts';
import { anna, ben, caller, type Jobs, jobsPlane, jobsPolicy } from '../test-jobs.ts';
import { type ErrorAnswer, type Plane, tokens } from '../test-plane.ts';
import { claimRun, finishPlan } from '../test-worker.ts';

let jobs: Jobs;
let plane: Plane;
let token: string;
beforeEach(async () => {
  jobs = await jobsPlane();
  plane = jobs.plane;
  token = jobs.tokenOf(anna);
});
const read = async (bearer: string, id: string) =>
  (await plane.ask<Run>('GET', `/v1/runs/${id}`, { token: bearer })).status;
const events = async () => (await plane.trail()).map(({ event }) => event);

describe('a run that a job asks for with its ID token', () => {
  test('has the caller and the user in itself, in its receipt and in every entry of the audit trail', async () => {
    const created = await jobs.accepted(token);
    expect(Value.Check(CreatedSchema, created)).toBe(true);
    expect(created.run).toMatchObject({ state: 'queued', rule: 'plan-project', caller });
    const { id } = created.run;
    const worker = await claimRun(plane, id);
    expect(worker.claimed.asker).toEqual({ identity: anna, planners: [] });
    await finishPlan(plane, worker);
    expect((await plane.ledger.receipt(id))?.receipt).toMatchObject({ caller, user: 'gitlab:7' });
    const trail = await events();
    expect(trail.map(({ kind }) => kind)).toEqual(['accepted', 'started', 'resolved', 'ended']);
    for (const event of trail) expect(event).toMatchObject({ run: id, caller, user: 'gitlab:7' });
  });

  test('is refused while too many of the same user wait, of whatever jobs; those of others are not', async () => {
    jobs = await jobsPlane(jobsPolicy, { maxQueuedPerUser: 2 });
    await jobs.accepted(jobs.tokenOf(anna));
    await jobs.accepted(jobs.tokenOf({ ...anna, job: '304' }));
    const third = jobs.tokenOf({ ...anna, job: '305' });
    expect(await jobs.refused(third)).toEqual([429, 'E_BUSY']);
    await jobs.accepted(jobs.tokenOf(ben));
    for (let more = 0; more < 3; more += 1) await jobs.plane.submit();
    await jobs.plane.round();
    await jobs.accepted(third);
  });

  test('never has the token itself in ledger, audit trail or log', async () => {
    await jobs.accepted(token);
    const everything = JSON.stringify([await plane.ledger.list({ limit: 9 }), await plane.trail()]) + plane.log();
    expect(everything).not.toContain(token);
  });

  test('is read and canceled with its key alone, and read by an auditor', async () => {
    const { run, runKey } = await jobs.accepted(token);
    for (const bearer of [token, tokens.deploy, jobs.tokenOf(ben)]) {
      expect(await read(bearer, run.id)).toBe(404);
      for (const [method, tail] of [
        ['GET', 'logs'],
        ['POST', 'cancel'],
      ] as const)
        expect((await plane.ask(method, `/v1/runs/${run.id}/${tail}`, { token: bearer })).status).toBe(404);
    }
    expect([await read(runKey, run.id), await read(tokens.audit, run.id)]).toEqual([200, 200]);
    const canceled = await plane.ask('POST', `/v1/runs/${run.id}/cancel`, { token: runKey });
    expect(canceled.status).toBe(202);
    expect((await events()).at(-1)).toMatchObject({ kind: 'cancel', caller: `run key of ${run.id}`, user: 'gitlab:7' });
  });

  test('does not open the runs of the machine to a job', async () => {
    const { run } = await jobs.accepted(tokens.deploy);
    expect([await read(token, run.id), await read(tokens.deploy, run.id)]).toEqual([404, 200]);
  });

  test('is believed by the rules for identities only, and the machine by the others', async () => {
    expect((await jobs.accepted(token)).run.rule).toBe('plan-project');
    expect((await jobs.accepted(tokens.deploy)).run.rule).toBe('plan-machine');
    expect(await jobs.refused(tokens.deploy, { command: 'apply' })).toEqual([403, 'E_CLAIM_NOT_ALLOWED']);
    plane.setPolicy(jobsPolicy.replace(/ {6}- \{name: plan-project.*\n/, ''));
    expect(await jobs.refused(jobs.tokenOf(ben))).toEqual([403, 'E_CLAIM_NOT_ALLOWED']);
  });
});

describe('a token that is not believed', () => {
  test.each<ErrorCode>([
    'E_TOKEN_TOO_LARGE',
    'E_TOKEN_MALFORMED',
    'E_TOKEN_ALGORITHM',
    'E_TOKEN_HEADER',
    'E_TOKEN_ISSUER',
    'E_TOKEN_AUDIENCE',
    'E_TOKEN_KEY',
    'E_TOKEN_SIGNATURE',
    'E_TOKEN_EXPIRED',
    'E_TOKEN_NOT_YET',
    'E_TOKEN_TOO_OLD',
    'E_TOKEN_CLAIMS',
    'E_FORK_PIPELINE',
  ])('is refused with %s, and that is on the audit trail', async code => {
    const bad = jobs.tokenOf(code);
    expect(await jobs.refused(bad)).toEqual([401, code]);
    expect(await events()).toEqual([
      {
        kind: 'refused',
        caller: 'nobody known',
        requestId: expect.any(String),
        code,
        command: 'plan',
        path: 'prod/vpc',
        ref: 'main',
        policyDigest: digestOf(jobsPolicy),
      },
    ]);
    const decision = await plane.ask<ErrorAnswer>('POST', '/v1/decisions', {
      token: bad,
      body: { command: 'plan', path: 'prod/vpc', ref: 'main' },
    });
    expect([decision.status, decision.body.error.code]).toEqual([401, code]);
    expect(await plane.ledger.list({ limit: 9 })).toEqual([]);
  });

  test('is not the fault of the caller while the keys cannot be had', async () => {
    expect(await jobs.refused(jobs.tokenOf('E_KEYS_UNAVAILABLE'))).toEqual([503, 'E_KEYS_UNAVAILABLE']);
    expect(await events()).toMatchObject([{ kind: 'refused', code: 'E_KEYS_UNAVAILABLE', caller: 'nobody known' }]);
  });

  test('opens nothing elsewhere either', async () => {
    const { run } = await jobs.accepted(token);
    expect(await read(jobs.tokenOf('E_TOKEN_SIGNATURE'), run.id)).toBe(404);
    for (const url of ['/v1/runs', '/v1/audit']) expect((await plane.ask('GET', url, { token })).status).toBe(401);
  });
});

describe('a job that may not', () => {
  test.each<[string, Identity, Partial<RequestBody>, ErrorCode]>([
    ['is of another project', { ...anna, claims: { project_id: '21' } }, {}, 'E_CLAIM_NOT_ALLOWED'],
    ['is of another issuer', { ...anna, issuer: 'github' }, {}, 'E_CLAIM_NOT_ALLOWED'],
    ['is for another branch', { ...anna, ref: 'refs/heads/x' }, { command: 'apply' }, 'E_TOKEN_REF'],
    ['is for a tag of that name', { ...anna, ref: 'refs/tags/main' }, { command: 'apply' }, 'E_REF_NOT_ALLOWED'],
    ['is for another commit', anna, { command: 'apply', sha: commitB }, 'E_TOKEN_COMMIT'],
    ['is for a merge request', { ...anna, isMergeRequest: true }, { command: 'apply' }, 'E_MERGE_REQUEST_PIPELINE'],
  ])('since it %s is refused, and the audit trail knows whose it is', async (_, who, request, code) => {
    expect(await jobs.refused(jobs.tokenOf(who), request)).toEqual([403, code]);
    expect(await events()).toMatchObject([{ kind: 'refused', code, caller, user: `${who.issuer}:7` }]);
  });

  test('is told so by a decision, too', async () => {
    const decide = async (bearer: string, request: object = {}) =>
      (
        await plane.ask<{ outcome: string; rule?: string }>('POST', '/v1/decisions', {
          token: bearer,
          body: { command: 'plan', path: 'prod/vpc', ref: 'main', ...request },
        })
      ).body;
    expect(await decide(token)).toMatchObject({ outcome: 'allow', rule: 'plan-project' });
    expect(await decide(token, { command: 'apply' })).toMatchObject({ outcome: 'allow', rule: 'apply-project' });
    expect(await decide(jobs.tokenOf({ ...anna, isMergeRequest: true }), { command: 'apply' })).toMatchObject({
      outcome: 'deny',
      reasons: [{ code: 'E_MERGE_REQUEST_PIPELINE' }],
    });
  });
});

describe('an apply that a job asks for', () => {
  test('is of the commit that its token is for, whatever its plan is of', async () => {
    const { run } = await jobs.accepted(token);
    await finishPlan(plane, await claimRun(plane, run.id));
    const elsewhere = jobs.tokenOf({ ...ben, commit: commitB });
    expect(await jobs.refused(elsewhere, { command: 'apply' })).toEqual([409, 'E_PLAN_MISSING']);
    expect(await jobs.refused(elsewhere, { command: 'apply', planId: run.id })).toEqual([409, 'E_PLAN_OTHER_COMMIT']);
    const apply = await jobs.accepted(jobs.tokenOf(ben), { command: 'apply' });
    expect((await claimRun(plane, apply.run.id)).claimed.commit).toBe(commitA);
  });

  test('is refused at its source when the policy no longer believes the job', async () => {
    const { run } = await jobs.accepted(token);
    await finishPlan(plane, await claimRun(plane, run.id));
    const worker = await claimRun(plane, (await jobs.accepted(jobs.tokenOf(ben), { command: 'apply' })).run.id);
    plane.setPolicy(jobsPolicy.replaceAll('project_id: "20"', 'project_id: "99"'));
    expect(await worker.refused('source', { ref: 'refs/heads/main', commit: commitA, tip: commitA })).toEqual([
      403,
      'E_REPO_NOT_ALLOWED',
    ]);
    expect((await events()).at(-1)).toMatchObject({ kind: 'refused', code: 'E_REPO_NOT_ALLOWED', user: 'gitlab:8' });
  });
});
