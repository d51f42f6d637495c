import { Value } from 'typebox/value';
import { beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../invoker/secret.ts';
import { type ErrorCode, ok, refuse } from '../../../policies/contract/error.ts';
import type { Identity } from '../../../policies/contract/identity.ts';
import type { RequestBody } from '../../../policies/contract/request.ts';
import { type Created, CreatedSchema, type Run } from '../../../policies/contract/run.ts';
import { commitA, commitB } from '../sample-run.ts';
import { type ErrorAnswer, type Plane, testPlane, tokens } from '../test-plane.ts';
import { begin, claimRun, end, finishPlan } from '../test-worker.ts';

const project = 'identity: {project_id: "20"}';
const policy = `version: 1
issuers:
  gitlab: {kind: gitlab, issuer: https://gitlab.example.com, audience: https://deploy.example.com, jwks_url: https://gitlab.example.com/keys}
repositories:
  infra-live:
    url: /srv/infra-live.git
    rules:
      - {name: plan-project, allow: [plan], refs: [refs/heads/**], paths: [prod/**], ${project}}
      - {name: apply-project, allow: [apply], refs: [refs/heads/main], paths: [prod/**], ${project}}
      - {name: plan-machine, allow: [plan], refs: [refs/heads/**], paths: [prod/**]}
`;
const distinctPolicy = policy.replace(
  `apply], refs: [refs/heads/main], paths: [prod/**], ${project}`,
  '$&, distinct_applier: true',
);

const anna: Identity = {
  issuer: 'gitlab',
  job: '302',
  user: '7',
  login: 'anna.k',
  project: 'acme/infra-live',
  ref: 'refs/heads/main',
  commit: commitA,
  isMergeRequest: false,
  claims: { project_id: '20', user_login: 'anna.k' },
};
const ben: Identity = { ...anna, job: '303', user: '8', login: 'ben.o' };
const caller = 'anna.k via acme/infra-live job 302';

/** Of the form of an ID token: the part in the middle says whose it is, and the stub believes it. */
let people: Map<string, Identity | ErrorCode>;
const tokenOf = (who: Identity | ErrorCode): string => {
  const token = `header.${people.size}.signature`;
  people.set(token, who);
  return token;
};

let plane: Plane;
let token: string;
beforeEach(async () => {
  people = new Map();
  plane = await testPlane({
    policy,
    verify: async token => {
      const who = people.get(token) ?? 'E_TOKEN_SIGNATURE';
      return typeof who === 'string' ? refuse(who, 'the ID token is not believed') : ok(who);
    },
  });
  token = tokenOf(anna);
});

const ask = (bearer: string, request: Partial<RequestBody> = {}) =>
  plane.ask<Created & ErrorAnswer>('POST', '/v1/runs', {
    token: bearer,
    body: { command: 'plan', path: 'prod/vpc', ref: 'main', ...request },
  });
const accepted = async (bearer: string, request: Partial<RequestBody> = {}): Promise<Created> => {
  const { status, body, text } = await ask(bearer, request);
  if (status !== 202) throw new Error(`${status} ${text}`);
  return body;
};
const refused = async (bearer: string, request: Partial<RequestBody> = {}) => {
  const { status, body } = await ask(bearer, request);
  return [status, body.error?.code];
};
const read = async (bearer: string, id: string) =>
  (await plane.ask<Run>('GET', `/v1/runs/${id}`, { token: bearer })).status;
const events = async () => (await plane.trail()).map(({ event }) => event);

describe('a run that a job asks for with its ID token', () => {
  test('has the caller and the user in itself, in its receipt and in every entry of the audit trail', async () => {
    const created = await accepted(token);
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

  test('never has the token itself in ledger, audit trail or log', async () => {
    await accepted(token);
    const everything = JSON.stringify([await plane.ledger.list({ limit: 9 }), await plane.trail()]) + plane.log();
    expect(everything).not.toContain(token);
  });

  test('is read and canceled with its key alone, and read by an auditor', async () => {
    const { run, runKey } = await accepted(token);
    for (const bearer of [token, tokens.deploy, tokenOf(ben)]) {
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
    const { run } = await accepted(tokens.deploy);
    expect([await read(token, run.id), await read(tokens.deploy, run.id)]).toEqual([404, 200]);
  });

  test('is believed by the rules for identities only, and the machine by the others', async () => {
    expect((await accepted(token)).run.rule).toBe('plan-project');
    expect((await accepted(tokens.deploy)).run.rule).toBe('plan-machine');
    expect(await refused(tokens.deploy, { command: 'apply' })).toEqual([403, 'E_CLAIM_NOT_ALLOWED']);
    plane.setPolicy(policy.replace(/ {6}- \{name: plan-project.*\n/, ''));
    expect(await refused(tokenOf(ben))).toEqual([403, 'E_CLAIM_NOT_ALLOWED']);
  });
});

describe('a token that is replayed', () => {
  test('gets the run that it has, whatever requestId comes with it', async () => {
    const first = await accepted(token, { requestId: 'job-302-plan' });
    for (const again of [{ requestId: 'job-302-plan' }, { requestId: 'another-id' }, {}])
      expect(await accepted(token, again)).toEqual(first);
    // The same job with a token that was made later.
    expect(await accepted(tokenOf({ ...anna }), { requestId: 'a-third-id' })).toEqual(first);
    expect((await plane.ledger.list({ limit: 9 })).length).toBe(1);
    expect((await events()).map(({ kind }) => kind)).toEqual(['accepted']);
  });

  test('gets one run when it comes many times at once', async () => {
    const answers = await Promise.all(
      ['id-number-1', 'id-number-2', 'id-number-3'].map(requestId => accepted(token, { requestId })),
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
    await accepted(token);
    expect(await refused(token, other)).toEqual([409, 'E_REQUEST_ID_REUSED']);
    expect((await events()).at(-1)).toMatchObject({
      kind: 'refused',
      code: 'E_REQUEST_ID_REUSED',
      caller,
      user: 'gitlab:7',
    });
  });

  test('gets a run of its own for another path, another commit, another command, or as another job', async () => {
    const { run } = await accepted(token);
    await finishPlan(plane, await claimRun(plane, run.id));
    const ids = [run.id];
    for (const [bearer, request] of [
      [token, { path: 'prod/app' }],
      [token, { sha: commitB }],
      [token, { command: 'apply' }],
      [tokenOf({ ...anna, job: '304' }), {}],
      [tokenOf({ ...anna, commit: commitB }), { path: 'prod/dns' }],
      [tokens.deploy, {}],
    ] as const)
      ids.push((await accepted(bearer, request)).run.id);
    expect(new Set(ids).size).toBe(7);
  });

  test('is not the request of a machine that chose the same requestId', async () => {
    const requestId = 'job-302-plan';
    const [mine, machine] = [await accepted(token, { requestId }), await accepted(tokens.deploy, { requestId })];
    expect(mine.run.id).not.toBe(machine.run.id);
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
    const bad = tokenOf(code);
    expect(await refused(bad)).toEqual([401, code]);
    expect(await events()).toEqual([
      {
        kind: 'refused',
        caller: 'nobody known',
        requestId: expect.any(String),
        code,
        command: 'plan',
        path: 'prod/vpc',
        ref: 'main',
        policyDigest: digestOf(policy),
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
    expect(await refused(tokenOf('E_KEYS_UNAVAILABLE'))).toEqual([503, 'E_KEYS_UNAVAILABLE']);
    expect(await events()).toMatchObject([{ kind: 'refused', code: 'E_KEYS_UNAVAILABLE', caller: 'nobody known' }]);
  });

  test('opens nothing elsewhere either', async () => {
    const { run } = await accepted(token);
    expect(await read(tokenOf('E_TOKEN_SIGNATURE'), run.id)).toBe(404);
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
    expect(await refused(tokenOf(who), request)).toEqual([403, code]);
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
    expect(await decide(tokenOf({ ...anna, isMergeRequest: true }), { command: 'apply' })).toMatchObject({
      outcome: 'deny',
      reasons: [{ code: 'E_MERGE_REQUEST_PIPELINE' }],
    });
  });
});

describe('an apply that a job asks for', () => {
  test('is of the commit that its token is for, whatever its plan is of', async () => {
    const { run } = await accepted(token);
    await finishPlan(plane, await claimRun(plane, run.id));
    const elsewhere = tokenOf({ ...ben, commit: commitB });
    expect(await refused(elsewhere, { command: 'apply' })).toEqual([409, 'E_PLAN_MISSING']);
    expect(await refused(elsewhere, { command: 'apply', planId: run.id })).toEqual([409, 'E_PLAN_OTHER_COMMIT']);
    const apply = await accepted(tokenOf(ben), { command: 'apply' });
    expect((await claimRun(plane, apply.run.id)).claimed.commit).toBe(commitA);
  });

  test('is refused at its source when the policy no longer believes the job', async () => {
    const { run } = await accepted(token);
    await finishPlan(plane, await claimRun(plane, run.id));
    const worker = await claimRun(plane, (await accepted(tokenOf(ben), { command: 'apply' })).run.id);
    plane.setPolicy(policy.replaceAll('project_id: "20"', 'project_id: "99"'));
    expect(await worker.refused('source', { ref: 'refs/heads/main', commit: commitA, tip: commitA })).toEqual([
      403,
      'E_CLAIM_NOT_ALLOWED',
    ]);
    expect((await events()).at(-1)).toMatchObject({ kind: 'refused', code: 'E_CLAIM_NOT_ALLOWED', user: 'gitlab:8' });
  });
});

describe('a rule that wants another person to apply', () => {
  let jobs: number;
  beforeEach(() => {
    jobs = 400;
    plane.setPolicy(distinctPolicy);
  });
  /** Every call is a job of its own. */
  const job = (who: Identity, isMergeRequest = false) =>
    tokenOf({ ...who, job: `${jobs++}`, isMergeRequest, ...(isMergeRequest ? { ref: 'refs/heads/nat' } : {}) });
  const plan = async (bearer: string, request: Partial<RequestBody> = {}) => {
    const worker = await claimRun(plane, (await accepted(bearer, request)).run.id);
    await finishPlan(plane, worker);
    return worker.id;
  };
  const mergeRequestPlan = async (who: Identity, path = 'prod/vpc') => {
    const { run } = await accepted(job(who, true), { ref: 'nat', path });
    const worker = await claimRun(plane, run.id);
    await begin(worker, { ref: 'refs/heads/nat' });
    await end(plane, worker, { outcome: 'succeeded' });
  };
  const apply = { command: 'apply' } as const;

  test('refuses whoever planned it in the merge request, and believes anybody else', async () => {
    await mergeRequestPlan(anna);
    await plan(job(anna));
    expect(await refused(job(anna), apply)).toEqual([403, 'E_SAME_PERSON']);
    const { run } = await accepted(job(ben), apply);
    const worker = await claimRun(plane, run.id);
    expect(worker.claimed.asker).toMatchObject({ identity: { user: '8' }, planners: ['gitlab:7'] });
    await begin(worker);
    await end(plane, worker, { outcome: 'succeeded' });
  });

  test('refuses everybody who planned it there, each once', async () => {
    for (const who of [anna, ben, anna]) await mergeRequestPlan(who);
    await plan(job(anna));
    for (const who of [anna, ben]) expect(await refused(job(who), apply)).toEqual([403, 'E_SAME_PERSON']);
    const carla = { ...anna, user: '9', login: 'carla.m' };
    const { run } = await accepted(job(carla), apply);
    expect((await claimRun(plane, run.id)).claimed.asker.planners).toEqual(['gitlab:7', 'gitlab:8']);
  });

  test('wants that somebody planned it there: not on the branch, not at another path, and not in vain', async () => {
    await plan(job(anna));
    await mergeRequestPlan(anna, 'prod/app');
    const failed = await claimRun(plane, (await accepted(job(anna, true), { ref: 'nat' })).run.id);
    await end(plane, failed, { outcome: 'failed' });
    await plan(tokens.deploy);
    expect(await refused(job(ben), apply)).toEqual([403, 'E_SAME_PERSON']);
  });

  test('wants it anew after each apply', async () => {
    await mergeRequestPlan(anna);
    await plan(job(anna));
    const worker = await claimRun(plane, (await accepted(job(ben), apply)).run.id);
    await begin(worker);
    await end(plane, worker, { outcome: 'succeeded' });
    await plan(job(anna));
    expect(await refused(job(ben), apply)).toEqual([403, 'E_SAME_PERSON']);
    await mergeRequestPlan(ben);
    expect(await refused(job(ben), apply)).toEqual([403, 'E_SAME_PERSON']);
    expect((await accepted(job(anna), apply)).run.rule).toBe('apply-project');
  });
});
