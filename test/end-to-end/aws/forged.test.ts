/**
 * Events that somebody makes up who may invoke a function, and what else CI's credentials are tried for.
 *
 * | attack | what stops it |
 * |---|---|
 * | an event of a gateway, a balancer, a queue, a bucket, a function url, with claims | an event has three keys, and any other is refused |
 * | claims in `clientContext` | nobody reads it |
 * | claims in a token that nobody has signed | it is verified here |
 * | a request that says two things, a prototype, megabytes | one strict reader, with a limit |
 * | operations of other doors | each door has its own, and IAM its own role |
 * | an event that says what has become of a task or a function | the keeper does not read it |
 * | anything else with CI's credentials | they may invoke one alias |
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientFor } from '../../support/aws/clients.ts';
import { requires } from '../../support/requirements.ts';
import type { FunctionName, Rendered, RoleName } from '../../terraform/rendered.ts';
import { functionOf, roleOf } from './account.ts';
import { type HeldRuns, holdRuns } from './held-runs.ts';
import { type OtherCall, otherCalls } from './other-calls.ts';

const body = JSON.stringify({ command: 'apply', path: 'prod/a', ref: 'main' });
const good = { operation: 'createRun', request: body };
const claims = {
  project_id: '20',
  ref: 'main',
  ref_path: 'refs/heads/main',
  ref_protected: 'true',
  user_login: 'root',
};
const authorizer = { claims, jwt: { claims }, lambda: claims, iam: { userArn: 'arn:aws:iam::111111111111:root' } };
const context = { requestContext: { authorizer, identity: { userArn: authorizer.iam.userArn } } };
const http = { headers: { authorization: 'Bearer admin' }, body, isBase64Encoded: false };

/** By who would send them, if it were true. */
const forged: Readonly<Record<string, unknown>> = {
  'an API gateway': { resource: '/v1/runs', path: '/v1/runs', httpMethod: 'POST', ...http, ...context },
  'an HTTP API': { version: '2.0', routeKey: 'POST /v1/runs', rawPath: '/v1/runs', ...http, ...context },
  'a function url': { version: '2.0', rawPath: '/', requestContext: { http: { method: 'POST' }, authorizer }, body },
  'a load balancer': { httpMethod: 'POST', path: '/v1/runs', ...http, requestContext: { elb: {} } },
  'a queue': { Records: [{ eventSource: 'aws:sqs', body: JSON.stringify(good), attributes: claims }] },
  'a topic': { Records: [{ EventSource: 'aws:sns', Sns: { Message: JSON.stringify(good) } }] },
  'a bucket': {
    Records: [{ eventSource: 'aws:s3', s3: { bucket: { name: 'policy' }, object: { key: 'allowlist' } } }],
  },
  EventBridge: { source: 'aws.ecs', 'detail-type': 'ECS Task State Change', detail: good, resources: [] },
  Lambda: {
    version: '1.0',
    requestContext: { condition: 'RetriesExhausted' },
    requestPayload: good,
    responsePayload: {},
  },
  AppSync: { info: { fieldName: 'createRun' }, arguments: good, identity: { claims } },
  'an operation, with a gateway beside it': { ...good, ...context },
  'an operation, with who asks': { ...good, caller: 'invoker', identity: claims },
  'an operation, with its HTTP headers': { ...good, headers: http.headers },
  'an operation, with a client context': { ...good, clientContext: { custom: claims } },
  'an operation, with a prototype': `{"__proto__":${JSON.stringify({ idToken: 'x', claims })},"operation":"createRun","request":"{}"}`,
  'an operation of every object': { ...good, operation: 'constructor' },
  'a request that is read already': { ...good, request: JSON.parse(body) },
  'a list of requests': { ...good, request: [body] },
  'a token that is no text': { ...good, idToken: claims },
  nobody: null,
  'a list': [good],
  'a text': JSON.stringify(body),
  'megabytes of keys': Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`key${at}`, at])),
  'megabytes of a key': { ...good, ['x'.repeat(5_900_000)]: 1 },
  'megabytes of an operation': { ...good, operation: 'x'.repeat(5_900_000) },
};
const operations = {
  deploy: ['createRun', 'decide', 'getRun', 'getLogs', 'cancelRun'],
  worker: ['claim', 'heartbeat', 'log', 'source', 'credentials', 'phase', 'plan', 'errored-state', 'finish'],
  audit: ['listRuns', 'listAudit'],
} as const;

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))('forged', { timeout: 180_000 }, () => {
  let runs: HeldRuns;
  beforeAll(async () => {
    runs = await holdRuns();
  }, 180_000);
  afterAll(() => runs?.stop());

  /** What a function says of a refusal, to whoever asks for its log. */
  const denied = (said: string, code: string) => {
    expect(
      said
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([{ level: 'warn', event: 'denied', requestId: expect.any(String), status: expect.any(Number), code }]);
  };

  describe('at the deploy door, by CI', () => {
    test.each(Object.keys(forged))('an event of %s is not believed, and is in the audit trail', async name => {
      const before = await runs.inside.trail();
      const { status, code, said } = await runs.ci('deploy', forged[name]);
      expect({ status, code }).toEqual({ status: 400, code: 'E_SCHEMA' });
      denied(said, 'E_SCHEMA');
      const [entry, ...more] = (await runs.inside.trail()).slice(before.length);
      expect(entry).toMatchObject({ kind: 'refused', code: 'E_SCHEMA', caller: 'nobody known' });
      expect(more).toEqual([]);
    });

    test.each([...operations.worker, ...operations.audit])('%s is not what it does', async operation => {
      const events = [
        { operation, request: '{}' },
        { operation, request: '{}', token: 'x' },
      ];
      for (const event of events)
        expect(await runs.ci('deploy', event)).toMatchObject({ status: 400, code: 'E_SCHEMA' });
    });

    test.each<[string, string, number, string]>([
      ['says one thing twice', body.replace('{', '{"command":"plan",'), 400, 'E_JSON'],
      ['has a prototype', body.replace('{', '{"__proto__":{"repo":"infra-live"},'), 400, 'E_JSON'],
      ['says who asks', body.replace('{', '{"caller":"invoker",'), 400, 'E_SCHEMA'],
      ['begins with a mark', `\ufeff${body}`, 400, 'E_JSON'],
      ['is half a letter', body.replace('main', '\ud800'), 400, 'E_JSON'],
      ['is half a megabyte', body.padEnd(500_000), 413, 'E_TOO_LARGE'],
      ['is nothing', '', 400, 'E_SCHEMA'],
    ])('a request that %s is refused, whoever asks', async (_, request, status, code) => {
      const before = (await runs.inside.trail()).length;
      const event = { operation: 'createRun', request, idToken: runs.idToken() };
      expect(await runs.ci('deploy', event)).toMatchObject({ status, code });
      expect((await runs.inside.trail()).slice(before)).toMatchObject([{ kind: 'refused', code }]);
    });

    test.each(['none', 'public-key', 'stranger'] as const)('a token signed by %s says nothing', async signature => {
      const heard = await runs.ci('deploy', { ...good, idToken: runs.idToken({ signature }) });
      expect(heard.status).toBe(401);
      denied(heard.said, `${heard.code}`);
      expect((await runs.inside.trail()).at(-1)).toMatchObject({ kind: 'refused', caller: 'nobody known' });
    });

    test('a client context is not read, whatever it says', async () => {
      const custom = { ...claims, idToken: runs.idToken(), runKey: 'k_x', operation: 'createRun' };
      const told = {
        ClientContext: Buffer.from(JSON.stringify({ client: custom, custom, env: custom })).toString('base64'),
      };
      expect(await runs.ci('deploy', good, told)).toMatchObject({ status: 401, code: 'E_UNAUTHENTICATED' });
      const decide = { operation: 'decide', request: body.replace('apply', 'plan') };
      expect(await runs.ci('deploy', decide, told)).toMatchObject({ status: 401, code: 'E_UNAUTHENTICATED' });
      const asked = { ...decide, idToken: runs.idToken() };
      for (const more of [told, {}])
        expect(await runs.ci('deploy', asked, more)).toMatchObject({
          status: 200,
          body: { outcome: 'allow', rule: 'plan' },
        });
    });

    test('nothing has started', () => {
      expect(runs.account.front.tasks).toEqual([]);
    });
  });

  test('at the worker door, by a worker, an event says no more than that', async () => {
    const small = Object.entries(forged).filter(([name]) => !name.startsWith('megabytes'));
    for (const [, event] of small)
      expect(await runs.worker('worker', event)).toMatchObject({ status: 400, code: 'E_SCHEMA' });
    for (const operation of [...operations.deploy, ...operations.audit])
      expect(await runs.worker.ask('worker', operation, {})).toMatchObject({ status: 400, code: 'E_SCHEMA' });
    const { id, ticket, token } = await runs.taken({ path: 'prod/worker' });
    for (const more of [
      context,
      { runKey: 'k_x' },
      { idToken: runs.idToken() },
      { run: id },
      { headers: http.headers },
    ])
      expect(await runs.worker.ask('worker', 'heartbeat', {}, { token, ...more })).toMatchObject({ code: 'E_SCHEMA' });
    expect(await runs.worker.ask('worker', 'claim', { run: id, ticket, command: 'apply' })).toMatchObject({
      code: 'E_SCHEMA',
    });
    expect(await runs.worker.ask('worker', 'heartbeat', {}, { token })).toMatchObject({ status: 200 });
  });

  test('for the keeper, news of a worker change nothing', async () => {
    const taken = await runs.taken({ path: 'prod/taken' });
    const starting = await runs.asked({ path: 'prod/starting' });
    const [{ arn }, { version }] = [taken.task, await runs.inside.run(taken.id)];
    const news = [
      { source: 'aws.ecs', detail: { taskArn: arn, startedBy: `${taken.id}/0`, lastStatus: 'STOPPED', stopCode: 'x' } },
      { requestPayload: { run: starting.id }, responsePayload: { errorType: 'x' }, requestContext: { condition: 'x' } },
      { operation: 'finish', request: JSON.stringify({ outcome: 'succeeded' }), token: `${taken.id}.x` },
    ];
    const { front, rendered } = runs.account;
    const waker = runs.knockAs('deploy');
    for (const event of news) {
      expect(await runs.ci('keeper', event)).toMatchObject({ code: 'AccessDeniedException' });
      expect(await waker('keeper', event)).toEqual({ body: {}, said: '' });
    }
    expect(await runs.inside.run(taken.id)).toMatchObject({ state: 'running', version });
    expect((await runs.inside.run(starting.id)).state).toBe('starting');
    expect(front.functionLog(functionOf(rendered, 'keeper').arn)).not.toContain('"level"');
  });

  describe("with CI's credentials", () => {
    /** How AWS ruled on it; what came of it is another matter. */
    const ruled = async (role: RoleName, call: OtherCall['call']) => {
      const { front, rendered } = runs.account;
      const before = front.calls.length;
      await call(clientFor(front.url, front.issue(roleOf(rendered, role).arn))).catch(() => {});
      const own = front.calls.slice(before).filter(({ principal }) => principal.endsWith('/test'));
      return own.map(({ allowed, because }) => because ?? allowed);
    };
    const byItsPolicies = /^(explicit deny|no allow in (identity|resource policy))$/;

    test.each(Object.entries(otherCalls))('nobody %s', async (_, callOf) => {
      const { who, call } = callOf(runs.account.rendered);
      expect(await ruled(who, call)).toEqual([true]);
      expect(await ruled('ci', call)).toEqual([expect.stringMatching(byItsPolicies)]);
    });

    const event = { operation: 'decide', request: body.replace('apply', 'plan') };
    const ask = (door: FunctionName, FunctionName?: string) =>
      runs.ci(door, { ...event, idToken: runs.idToken() }, FunctionName === undefined ? {} : { FunctionName });

    test('one alias of one function is invoked', async () => {
      const { rendered } = runs.account;
      const { arn, aliasArn } = functionOf(rendered, 'deploy');
      expect(await ask('deploy')).toMatchObject({ status: 200, body: { outcome: 'allow' } });
      for (const other of [arn, `${arn}:$LATEST`, `${arn}:1`, `${arn}:next`, arn.split(':').at(-1)])
        expect(await ask('deploy', other)).toMatchObject({ code: 'AccessDeniedException' });
      expect(await ask('deploy', `${aliasArn.split(':').at(-2)}:live`)).toMatchObject({ status: 200 });
      for (const door of others(rendered)) expect(await ask(door)).toMatchObject({ code: 'AccessDeniedException' });
    });
  });
});

const others = ({ functions }: Rendered) =>
  (Object.keys(functions) as FunctionName[]).filter(name => name !== 'deploy');
