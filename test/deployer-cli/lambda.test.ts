import { afterEach, describe, expect, test, vi } from 'vitest';
import { functionAddress } from '../../deployer-cli/function-address.ts';
import { connect } from '../../deployer-cli/transport.ts';
import { freePort } from '../support/free-port.ts';
import { aRun, planned, planning, runId } from './run-fixture.ts';
import { type AwsScript, type Platform, type ScriptedAws, scriptedAws } from './scripted-aws.ts';
import { key, refusal } from './scripted-server.ts';

let aws: ScriptedAws | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await aws?.stop();
  aws = undefined;
});

/** The SDK reads the environment of the process. */
const inEnvironment = (env: Readonly<Record<string, string | undefined>>) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
};

const server = 'lambda:infra-deployer';
async function transport(script: AwsScript = {}, connection: { token?: string; server?: string } = { token: 'a.b.c' }) {
  aws = await scriptedAws(script);
  inEnvironment(aws.env);
  return await connect({ server, ...connection });
}

const request = { command: 'plan', path: 'prod/vpc', ref: 'main' } as const;
const answered = (platform: Platform) => transport({ platform: () => platform }).then(door => door.create(request));
const awsError = (status: number, name: string, message: string): Platform => ({ status, name, body: { message } });

describe('the Lambda transport', () => {
  test('invokes the alias with operation, request as text, and ID token', async () => {
    const door = await transport();
    expect(await door.create(request)).toEqual({ ok: true, value: { run: aRun(), runKey: key } });
    expect(aws?.invoked).toHaveLength(1);
    expect(aws?.invoked[0]).toMatchObject({
      path: '/2015-03-31/functions/infra-deployer/invocations?Qualifier=live',
      event: { operation: 'createRun', request: JSON.stringify(request), idToken: 'a.b.c' },
      headers: {
        'x-amz-invocation-type': 'RequestResponse',
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/eu-west-1\/lambda\/aws4_request/,
        ),
      },
    });
    const { headers = {}, event } = aws?.invoked[0] ?? {};
    expect(Object.keys(event ?? {})).toEqual(['operation', 'request', 'idToken']);
    // The tail of the function's log, and a context that the door would not read.
    for (const name of ['x-amz-log-type', 'x-amz-client-context']) expect(headers).not.toHaveProperty(name);
  });

  test('reads, follows and cancels a run with its key', async () => {
    const line = { phase: 'plan', text: 'a' } as const;
    const door = await transport({ pages: [{ run: planning, lines: [line] }, { run: planned }] }, { token: key });
    expect(await door.logs(runId)).toMatchObject({ ok: true, value: { cursor: '1', pollMs: 20, lines: [line] } });
    expect(await door.logs(runId, '1')).toMatchObject({ ok: true, value: { end: { state: 'succeeded' } } });
    expect(await door.run(runId)).toEqual({ ok: true, value: planned });
    expect(await door.cancel(runId)).toEqual({ ok: true, value: planning });
    const id = runId;
    expect(aws?.invoked.map(({ event }) => event)).toEqual([
      { operation: 'getLogs', request: JSON.stringify({ id }), runKey: key },
      { operation: 'getLogs', request: JSON.stringify({ id, cursor: '1' }), runKey: key },
      { operation: 'getRun', request: JSON.stringify({ id }), runKey: key },
      { operation: 'cancelRun', request: JSON.stringify({ id }), runKey: key },
    ]);
  });

  test('sends no credential where there is none: AWS says who may invoke the function of auditors', async () => {
    const door = await transport({ list: [planned], pages: [{ run: planned }] }, {});
    expect(await door.list({ state: 'failed', path: 'a b' })).toEqual({ ok: true, value: [planned] });
    expect(await door.run(runId)).toEqual({ ok: true, value: planned });
    expect(await door.cancel(runId)).toMatchObject({
      failure: { code: 'E_USAGE', fix: expect.stringContaining('--run-file') },
    });
    expect(aws?.invoked.map(({ event }) => event)).toEqual([
      { operation: 'listRuns', request: JSON.stringify({ state: 'failed', path: 'a b' }) },
      { operation: 'getRun', request: JSON.stringify({ id: runId }) },
    ]);
  });

  test('takes name, region and alias from an ARN', async () => {
    const arn = 'arn:aws-cn:lambda:cn-north-1:111111111111:function:deployer-deploy';
    const door = await transport({}, { token: 't', server: `lambda:${arn}:next` });
    expect((await door.create(request)).ok).toBe(true);
    expect(aws?.invoked[0]?.path).toBe(`/2015-03-31/functions/${arn}/invocations?Qualifier=next`);
    expect(aws?.invoked[0]?.headers.authorization).toContain('/cn-north-1/lambda/');
  });

  test("gives the door's problem as it is", async () => {
    const reasons = [{ code: 'E_REF_NOT_ALLOWED', message: 'not from here', rule: 'r' }];
    const door = await transport({ create: () => refusal(403, 'E_REF_NOT_ALLOWED', 'no', { details: { reasons } }) });
    expect(await door.create(request)).toEqual({
      ok: false,
      failure: { code: 'E_REF_NOT_ALLOWED', message: 'no', reasons, requestId: 'req-1', status: 403 },
    });
  });

  test('takes out what a terminal would obey, but the colours of the log', async () => {
    const text = '\u001b[31mred\u001b[0m\u001b]0;title\u0007\u001b[2Jx\ry';
    const door = await transport({ pages: [{ run: { ...planned, caller: text }, lines: [{ phase: 'plan', text }] }] });
    expect(await door.logs(runId)).toMatchObject({
      value: { lines: [{ text: '\u001b[31mred\u001b[0mxy' }], run: { caller: 'redx y' } },
    });
  });

  test.each<[string, unknown]>([
    ['a text', '"hello"'],
    ['no JSON', 'hello'],
    ['nothing', ''],
    ['a body alone', { run: aRun(), runKey: key }],
    ['an answer to a gateway', { statusCode: 202, body: '{}' }],
    ['success that is none', { status: 202, body: { run: aRun() } }],
    ['a status that is a text', { status: '202', body: { run: aRun(), runKey: key } }],
    ['a failure without words', { status: 500, body: {} }],
  ])('does not take %s for an answer', async (_, body) => {
    expect(await answered({ status: 200, body })).toMatchObject({
      failure: { code: 'E_BAD_ANSWER', fix: expect.stringContaining('the deploy door') },
    });
  });
});

describe('AWS that does not invoke the function', () => {
  const user = 'User: arn:aws:sts::1:assumed-role/ci/x is not authorized to perform: lambda:InvokeFunction';
  test.each<[string, Platform, string, RegExp, RegExp]>([
    [
      'denies it',
      awsError(403, 'AccessDeniedException', user),
      'E_AWS_CREDENTIALS',
      /let these credentials .*ci\/x/,
      /InvokeFunction/,
    ],
    [
      'has expired credentials',
      awsError(403, 'ExpiredTokenException', 'The security token included in the request is expired'),
      'E_AWS_CREDENTIALS',
      /have expired$/,
      /AWS_WEB_IDENTITY_TOKEN_FILE/,
    ],
    [
      'does not know the key',
      awsError(403, 'UnrecognizedClientException', 'The security token included in the request is invalid.'),
      'E_AWS_CREDENTIALS',
      /does not take the credentials .*UnrecognizedClientException$/,
      /AWS_PROFILE/,
    ],
    [
      'has no such function',
      awsError(404, 'ResourceNotFoundException', 'Function not found: arn:aws:lambda:…'),
      'E_SETTINGS',
      /no function lambda:infra-deployer with the alias `live`/,
      /AWS_REGION/,
    ],
    [
      'takes no such request',
      awsError(413, 'RequestTooLargeException', 'too large'),
      'E_BAD_ANSWER',
      /too large$/,
      /^$/,
    ],
  ])('since it %s says so, and how to fix it', async (_, platform, code, message, fix) => {
    const answer = await answered(platform);
    expect(answer).toMatchObject({ failure: { code, message: expect.stringMatching(message) } });
    expect((!answer.ok && answer.failure.fix) || '').toMatch(fix);
    // Asking again would not help.
    expect(aws?.invoked).toHaveLength(1);
  });

  test.each<[string, Platform, RegExp]>([
    ['throttles it', awsError(429, 'TooManyRequestsException', 'Rate Exceeded.'), /is busy: AWS throttles/],
    ['fails itself', awsError(500, 'ServiceException', 'internal error'), /does not answer: internal error$/],
    ['cannot start it', awsError(502, 'EC2ThrottledException', 'no room'), /does not answer: no room$/],
  ])('for now, since it %s, is asked again, and may be later', async (_, platform, message) => {
    expect(await answered(platform)).toEqual({
      ok: false,
      failure: { code: 'E_SERVER_AWAY', message: expect.stringMatching(message) },
    });
    expect(aws?.invoked.length).toBeGreaterThan(1);
  });

  test('once, goes unnoticed', async () => {
    const platform = (attempt: number) => (attempt === 0 ? awsError(429, 'TooManyRequestsException', '') : undefined);
    expect((await (await transport({ platform })).create(request)).ok).toBe(true);
  });

  test('never tells what was signed', async () => {
    const words = "The Canonical String should have been 'x-amz-security-token:very-secret'";
    const answer = await answered(awsError(403, 'InvalidSignatureException', words));
    expect(answer).toMatchObject({ ok: false, failure: { code: 'E_AWS_CREDENTIALS' } });
    expect(JSON.stringify(answer)).not.toContain('very-secret');
  });

  test.each([
    [
      'a function that takes too long',
      { errorMessage: '2026-11-21 Task\ntimed out\u001b[2J after 30.00 seconds' },
      /failed: 2026-11-21 Task timed out after/,
    ],
    ['a function that dies', { errorType: 'Runtime.ExitError', errorMessage: 'x'.repeat(5000) }, /failed: x{300}$/],
    ['a function that says nothing', 'null', /failed: it does not say why$/],
  ])('is %s, told in words that are safe', async (_, body, message) => {
    expect(await answered({ status: 200, body, headers: { 'x-amz-function-error': 'Unhandled' } })).toEqual({
      ok: false,
      failure: { code: 'E_SERVER_AWAY', message: expect.stringMatching(message) },
    });
  });

  test('is not there', async () => {
    await transport();
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${await freePort()}`);
    const door = await connect({ server, token: 't' });
    expect(await door.run(runId)).toMatchObject({
      failure: {
        code: 'E_SERVER_AWAY',
        message: 'the server lambda:infra-deployer does not answer: connection refused',
      },
    });
  });

  test('is waited for no longer than asked, and given up when it is told to', async () => {
    const door = await transport({ platform: () => 'silence' });
    expect(await door.logs(runId, undefined, 200)).toMatchObject({
      failure: { code: 'E_SERVER_AWAY', message: expect.stringMatching(/no answer within 0\.2 s$/) },
    });
    const abort = new AbortController();
    const waiting = (await connect({ server, token: 't', signal: abort.signal })).create(request);
    abort.abort();
    expect(await waiting).toMatchObject({ ok: false, failure: { code: 'E_SERVER_AWAY' } });
  });

  test.each([
    ['no region', { AWS_REGION: undefined }, 'E_SETTINGS', /in which region/],
    ['an empty region', { AWS_REGION: '' }, 'E_SETTINGS', /in which region/],
    [
      'no credentials',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      'E_AWS_CREDENTIALS',
      /^no AWS credentials/,
    ],
  ])('cannot be asked with %s', async (_, env, code, message) => {
    const door = await transport();
    inEnvironment(env);
    expect(await door.create(request)).toMatchObject({ failure: { code, message: expect.stringMatching(message) } });
    expect(aws?.invoked).toEqual([]);
  });
});

describe('the name of a function', () => {
  const arn = 'arn:aws:lambda:eu-west-1:111111111111:function:deploy';
  test.each([
    ['lambda:infra-deployer', { name: 'infra-deployer', alias: 'live' }],
    ['lambda:infra-deployer:next', { name: 'infra-deployer', alias: 'next' }],
    [`lambda:${arn}`, { name: arn, alias: 'live', region: 'eu-west-1' }],
    [`lambda:${arn}:next`, { name: arn, alias: 'next', region: 'eu-west-1' }],
  ])('is %s', (server, address) => {
    expect(functionAddress(server)).toEqual(address);
  });

  test.each([
    ...[
      'lambda:',
      'lambda:a b',
      'lambda:a/../b',
      'lambda:a:$LATEST',
      'lambda:a:7',
      'lambda:a:',
      'lambda:a:b:c',
      'infra',
    ],
    ...[
      `lambda:${arn}:$LATEST`,
      `lambda:${arn}:7`,
      'lambda:arn:aws:lambda:eu-west-1:1:function:x',
      'lambda:a\n',
      'Lambda:a',
    ],
    ...[
      'lambda:arn:aws:s3:eu-west-1:111111111111:function:x',
      'lambda:111111111111:function:x',
      `lambda:${'a'.repeat(65)}`,
    ],
  ])('is not %j', server => {
    expect(functionAddress(server)).toBeUndefined();
  });
});
