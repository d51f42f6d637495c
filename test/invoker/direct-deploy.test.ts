import fc from 'fast-check';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../policies/contract/audit-entry.ts';
import { type Created, CreatedSchema, LogsSchema, RunSchema } from '../../policies/contract/run.ts';
import { bytesOf, hostileTexts } from '../support/hostile-requests.ts';
import { requestCases, theirPolicy } from '../support/request-cases.ts';
import { anna, ben, caller, type Jobs, jobsPlane, jobsPolicy } from './test-jobs.ts';
import { type ErrorAnswer, openPolicy, type Plane, testPlane, tokens } from './test-plane.ts';

const good = { command: 'plan', path: 'prod/vpc', ref: 'main' };
const written = JSON.stringify(good);
const trusting = (policy: string) => policy.replace('version: 1', 'version: 1\ntrust_invoker: true');

const refusedBy = async (plane: Plane, event: unknown) => {
  const { status, body } = await plane.invoke(event);
  return [status, (body as ErrorAnswer).error?.code];
};

describe('an operation', () => {
  let jobs: Jobs;
  let plane: Plane;
  let idToken: string;
  beforeEach(async () => {
    jobs = await jobsPlane();
    plane = jobs.plane;
    idToken = jobs.tokenOf(anna);
  });
  const perform = async <Body>(event: object, schema: TSchema): Promise<readonly [number, Body]> => {
    const { status, body } = await plane.invoke(event);
    expect([...Value.Errors(schema, body)]).toEqual([]);
    return [status, body as Body];
  };
  const created = async (): Promise<Created> =>
    (await perform<Created>({ operation: 'createRun', request: written, idToken }, CreatedSchema))[1];

  test('creates a run for a job, as HTTP does', async () => {
    const { run, runKey } = await created();
    expect(run).toMatchObject({ state: 'queued', rule: 'plan-project', caller });
    // The same job asks for the same run again, whichever way.
    expect(await jobs.accepted(idToken)).toEqual({ run, runKey });
    expect((await plane.trail()).map(({ event }) => event)).toMatchObject([{ kind: 'accepted', user: 'gitlab:7' }]);
    expect(plane.wakes()).toBeGreaterThan(0);
  });

  test('reads, follows and cancels a run by its key', async () => {
    const { run, runKey } = await created();
    const { id } = run;
    const request = JSON.stringify({ id });
    expect(await perform({ operation: 'getRun', request, runKey }, RunSchema)).toEqual([200, run]);
    const logs = { operation: 'getLogs', request: JSON.stringify({ id, cursor: '0' }), runKey };
    expect(await perform(logs, LogsSchema)).toMatchObject([200, { lines: [], cursor: '0', run }]);
    const canceled = await perform<Created['run']>({ operation: 'cancelRun', request, runKey }, RunSchema);
    expect(canceled).toMatchObject([202, { state: 'canceled' }]);
    expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'cancel', caller: `run key of ${id}` });
  });

  test('tells what the policy says, and starts nothing', async () => {
    const decide = { operation: 'decide', request: written, idToken };
    expect(await plane.invoke(decide)).toEqual({
      status: 200,
      body: { outcome: 'allow', rule: 'plan-project', reasons: [] },
    });
    expect(await plane.ledger.list({ limit: 9 })).toEqual([]);
  });

  test('answers of a run that is not there, and of one that is somebody else’s, alike', async () => {
    const { run } = await created();
    const ask = async (id: string, runKey: string) => {
      const { status, body } = await plane.invoke({ operation: 'getRun', request: JSON.stringify({ id }), runKey });
      return [status, JSON.stringify(body).replace(/"requestId":"[^"]*"/, '')];
    };
    const stranger = await ask(run.id, 'k_made-up');
    expect(stranger[0]).toBe(404);
    expect(await ask(`r_${'a'.repeat(26)}`, 'k_made-up')).toEqual(stranger);
  });

  test('knows no token of a machine', async () => {
    const { run } = await created();
    const request = JSON.stringify({ id: run.id });
    for (const token of Object.values(tokens)) {
      expect(await refusedBy(plane, { operation: 'getRun', request, runKey: token })).toEqual([404, 'E_NOT_FOUND']);
      expect((await refusedBy(plane, { operation: 'createRun', request: written, idToken: token }))[0]).toBe(401);
    }
  });

  test.each([
    ['createRun', written, 401, 'E_UNAUTHENTICATED'],
    ['decide', written, 401, 'E_UNAUTHENTICATED'],
    ['getRun', `{"id":"r_${'a'.repeat(26)}"}`, 401, 'E_UNAUTHENTICATED'],
    ['cancelRun', '{"id":"r_x"}', 400, 'E_SCHEMA'],
    ['getLogs', `{"id":"r_${'a'.repeat(26)}","cursor":"-1"}`, 400, 'E_SCHEMA'],
    ['getRun', '{"id":"a","id":"b"}', 400, 'E_JSON'],
    ['getRun', ' '.repeat(16_385), 413, 'E_TOO_LARGE'],
  ])('%s without a credential is refused for %s', async (operation, request, status, code) => {
    expect(await refusedBy(plane, { operation, request })).toEqual([status, code]);
  });

  test('takes an ID token or the key of a run, never both and never the other', async () => {
    const { run, runKey } = await created();
    const request = JSON.stringify({ id: run.id });
    for (const event of [
      { operation: 'createRun', request: written, idToken, runKey },
      { operation: 'createRun', request: written, runKey },
      { operation: 'decide', request: written, runKey },
      { operation: 'getRun', request, idToken },
      { operation: 'cancelRun', request, idToken, runKey },
    ])
      expect(await refusedBy(plane, event)).toEqual([400, 'E_BAD_REQUEST']);
  });

  test('is done without an ID token only where the policy trusts whoever may invoke', async () => {
    const event = { operation: 'createRun', request: written };
    expect(await refusedBy(plane, event)).toEqual([401, 'E_UNAUTHENTICATED']);
    plane.setPolicy(trusting(jobsPolicy));
    const [status, { run }] = await perform<Created>(event, CreatedSchema);
    expect([status, run.caller, run.rule]).toEqual([202, 'invoker', 'plan-machine']);
    // One that is not believed is no reason to go on without.
    const bad = { ...event, idToken: jobs.tokenOf('E_TOKEN_SIGNATURE') };
    expect(await refusedBy(plane, bad)).toEqual([401, 'E_TOKEN_SIGNATURE']);
  });

  test('leaves its refusal in the audit trail, with who asked once that is known', async () => {
    const apply = JSON.stringify({ ...good, command: 'apply' });
    await plane.invoke({
      operation: 'createRun',
      request: apply,
      idToken: jobs.tokenOf({ ...ben, ref: 'refs/heads/x' }),
    });
    await plane.invoke({ operation: 'createRun', request: '{', idToken });
    await plane.invoke({ operation: 'decide', request: '{', idToken });
    expect((await plane.trail()).map(({ event }) => event)).toMatchObject([
      { kind: 'refused', code: 'E_TOKEN_REF', user: 'gitlab:8', command: 'apply', path: 'prod/vpc' },
      { kind: 'refused', code: 'E_JSON', caller: 'nobody known', bodyDigest: expect.any(String) },
    ]);
  });
});

describe('an event that is no operation', () => {
  let plane: Plane;
  beforeAll(async () => {
    plane = await testPlane({ policy: trusting(openPolicy) });
  });
  const event = { operation: 'createRun', request: written };

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', written],
    ['a list', [event]],
    ['a body', good],
    ['an HTTP event beside it', { ...event, requestContext: { authorizer: { claims: {} } } }],
    ['an event of an API gateway', { httpMethod: 'POST', path: '/v1/runs', headers: {}, body: written }],
    ['an event of a function url', { version: '2.0', rawPath: '/v1/runs', headers: {}, body: written }],
    ['records of a queue', { Records: [{ body: JSON.stringify(event) }] }],
    ['another operation', { ...event, operation: 'audit' }],
    ['an operation that every object has', { ...event, operation: 'constructor' }],
    ['a request that is read already', { ...event, request: good }],
    ['a request as a list', { ...event, request: [written] }],
    ['a token that is no text', { ...event, idToken: null }],
    ['a prototype', JSON.parse(`{"__proto__":{"idToken":"x"},"operation":"createRun","request":"{}"}`)],
    ['a caller', { ...event, caller: 'deploy token' }],
  ])('is refused for %s, and that is in the audit trail', async (_, sent) => {
    const before = (await plane.trail()).length;
    expect(await refusedBy(plane, sent)).toEqual([400, 'E_SCHEMA']);
    expect((await plane.trail()).slice(before)).toMatchObject([
      { event: { kind: 'refused', code: 'E_SCHEMA', caller: 'nobody known' } },
    ]);
  });

  test('says what is wrong without repeating it', async () => {
    const { body } = await plane.invoke({ ...event, '\u001b[2J\u202e`x`': 'hunter2' });
    expect((body as ErrorAnswer).error.message).toBe(
      '`\\u001b[2J\\u202e\\u0060x\\u0060` is not a key that is known here',
    );
  });
});

test('an operation that fails says only that', async () => {
  const failing = await testPlane({
    policy: trusting(openPolicy),
    ledger: real => ({ ...real, create: () => Promise.reject(new Error('password=hunter2')) }),
  });
  const { status, body } = await failing.invoke({ operation: 'createRun', request: written });
  expect([status, (body as ErrorAnswer).error.code]).toEqual([500, 'E_INTERNAL']);
  expect(JSON.stringify(body)).not.toContain('hunter2');
  expect(failing.log()).toContain(`${(body as ErrorAnswer).error.requestId} Error: password=hunter2`);
  const mute = await testPlane({
    policy: trusting(openPolicy),
    ledger: real => ({ ...real, record: () => Promise.reject(new Error('full')) }),
  });
  expect(await refusedBy(mute, { operation: 'createRun', request: '{' })).toEqual([500, 'E_INTERNAL']);
});

describe('over HTTP and by invocation', () => {
  /** Status, answer and what the audit trail says, without what names this one request and its caller. */
  const asking = (plane: Plane) => {
    let seen = 0;
    const recorded = async (requestId: string | undefined): Promise<Partial<AuditEvent>> => {
      const [entry] = await plane.ledger.audit(seen, 1);
      if (entry === undefined) return {};
      seen = entry.seq;
      const { requestId: named, caller: _caller, run, bodyDigest, ...event } = entry.event;
      if (requestId !== undefined) expect(named).toBe(requestId);
      return { ...event, ...(bodyDigest === undefined ? {} : { bodyDigest: '…' }) };
    };
    const told = async (answer: Promise<{ readonly status: number; readonly body: unknown }>) => {
      const { status, body } = await answer;
      const {
        run,
        runKey: _key,
        error: { requestId, ...error } = {},
        ...rest
      } = body as Partial<Created> & {
        readonly error?: Partial<ErrorAnswer['error']>;
      };
      return { status, error, rest, isRun: run !== undefined, recorded: await recorded(requestId) };
    };
    return async (text: string) => {
      const sent = { token: tokens.deploy, body: bytesOf(text) };
      const event = { operation: 'createRun', request: text };
      return {
        overHttp: await told(plane.ask('POST', '/v1/runs', sent)),
        invoked: await told(plane.invoke(event)),
        decisions: [
          await told(plane.ask('POST', '/v1/decisions', sent)),
          await told(plane.invoke({ ...event, operation: 'decide' })),
        ],
      };
    };
  };
  const agree = ({ overHttp, invoked, decisions }: Awaited<ReturnType<ReturnType<typeof asking>>>): void => {
    expect(invoked).toEqual(overHttp);
    expect(decisions[1]).toEqual(decisions[0]);
  };

  test('every request case has the same answer', async () => {
    const both = asking(await testPlane({ policy: trusting(theirPolicy()), maxQueued: 1000 }));
    for (const { id, body, phase } of requestCases()) {
      const text = body.toString('utf8');
      // Bytes that are no text are for HTTP alone; what comes nearest to them in a string is half of a pair.
      const answers = await both(bytesOf(text).equals(body) ? text : `"\ud800${text}`);
      agree(answers);
      const isDoor = phase === 'syntax' || phase === 'policy';
      expect([id, answers.overHttp.status >= 400]).toEqual([id, isDoor]);
    }
  });

  test('so has everything else that anybody may send', async () => {
    const both = asking(await testPlane({ policy: trusting(openPolicy), maxQueued: 10_000 }));
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(hostileTexts, async text => {
        const answers = await both(text);
        agree(answers);
        statuses.add(answers.overHttp.status);
      }),
      { numRuns: 300 },
    );
    expect([...statuses]).toEqual(expect.arrayContaining([202, 400, 403]));
  });
});
