import { afterEach, describe, expect, test } from 'vitest';
import { httpTransport } from '../../deployer-cli/http.ts';
import { travelsInClear } from '../../deployer-cli/server.ts';
import { freePort } from '../support/free-port.ts';
import { aRun, planned, planning, runId } from './run-fixture.ts';
import { key, type Reply, refusal, type Script, type ScriptedServer, scriptedServer } from './scripted-server.ts';

let server: ScriptedServer | undefined;
afterEach(() => server?.stop());

async function transport(script: Script) {
  server = await scriptedServer(script);
  return await httpTransport({ server: server.url, token: 'my-token' });
}

const request = { command: 'plan', path: 'prod/vpc', ref: 'main' } as const;
const creating = (reply: Reply | undefined) => transport({ create: () => reply }).then(door => door.create(request));

describe('the HTTP transport', () => {
  test('sends the request with its token', async () => {
    const door = await transport({});
    expect(await door.create(request)).toEqual({ ok: true, value: { run: aRun(), runKey: key } });
    expect(server?.asked).toEqual([
      { method: 'POST', path: '/v1/runs', token: 'my-token', body: JSON.stringify(request) },
    ]);
  });

  test('asks for the log from the cursor on', async () => {
    const door = await transport({
      pages: [{ run: planning, lines: [{ phase: 'plan', text: 'a' }] }, { run: planned }],
    });
    expect(await door.logs(runId)).toMatchObject({ ok: true, value: { cursor: '1', lines: [{ text: 'a' }] } });
    expect(await door.logs(runId, '1')).toMatchObject({
      ok: true,
      value: { end: { state: 'succeeded', exitCode: 0 } },
    });
  });

  test('lists, shows and cancels', async () => {
    const door = await transport({ list: [planned], pages: [{ run: planning }] });
    expect(await door.list({ state: 'failed', path: 'a b' })).toEqual({ ok: true, value: [planned] });
    expect(await door.run(runId)).toEqual({ ok: true, value: planning });
    expect(await door.cancel(runId)).toEqual({ ok: true, value: planning });
    expect(server?.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1/runs?state=failed&path=a+b',
      `GET /v1/runs/${runId}`,
      `POST /v1/runs/${runId}/cancel`,
    ]);
  });

  test('keeps an id from being another path', async () => {
    const door = await transport({});
    await door.run('../healthz?x');
    expect(server?.asked[0]?.path).toBe('/v1/runs/..%2Fhealthz%3Fx');
  });

  test("gives the server's problem as it is", async () => {
    const reasons = [{ code: 'E_REF_NOT_ALLOWED', message: 'not from here', rule: 'r' }];
    const reply = refusal(403, 'E_REF_NOT_ALLOWED', 'not allowed', { fix: 'merge', details: { reasons } });
    expect(await creating(reply)).toEqual({
      ok: false,
      failure: {
        code: 'E_REF_NOT_ALLOWED',
        message: 'not allowed',
        fix: 'merge',
        reasons,
        requestId: 'req-1',
        status: 403,
      },
    });
  });

  test.each<[string, Reply]>([
    ['a page of a proxy', { status: 502, body: '<html>' }],
    ['success that is none', { status: 202, body: { run: { ...aRun(), timings: 'no' }, runKey: key } }],
    ['success without key', { status: 202, body: { run: aRun() } }],
    ['an empty answer', { status: 200, body: '' }],
  ])('does not take %s for an answer', async (_, reply) => {
    expect(await creating(reply)).toMatchObject({ failure: { code: 'E_BAD_ANSWER', status: reply.status } });
  });

  test('follows no redirect', async () => {
    expect(await creating({ status: 307, body: '' })).toMatchObject({
      failure: {
        message: `${server?.url} answered 307 (a redirect, which is not followed), and not as an infra-deployer server does`,
      },
    });
    expect(server?.asked).toHaveLength(1);
  });

  test('takes out what a terminal would obey, but the colours of the log', async () => {
    const text = '\u001b[31mred\u001b[0m\u001b]0;title\u0007\u001b[2Jx\ry';
    const door = await transport({
      pages: [{ run: { ...planned, caller: text, rule: 'a\nb' }, lines: [{ phase: 'plan', text }] }],
    });
    const logs = await door.logs(runId);
    if (!logs.ok) throw new Error(logs.failure.message);
    expect(logs.value.lines[0]?.text).toBe('\u001b[31mred\u001b[0mxy');
    expect(logs.value.run.caller).toBe('redx y');
    expect(logs.value.run.rule).toBe('a b');
  });

  test('says that nobody listens, and how to look', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const door = await httpTransport({ server: url, token: 'x' });
    expect(await door.run(runId)).toEqual({
      ok: false,
      failure: {
        code: 'E_SERVER_AWAY',
        message: `the server at ${url} does not answer: connection refused`,
        fix: `see whether it is there:  curl ${url}/healthz`,
      },
    });
  });

  test('says that the connection was cut', async () => {
    expect(await creating(undefined)).toMatchObject({
      failure: { code: 'E_SERVER_AWAY', message: expect.stringMatching(/the connection was cut$/) },
    });
  });

  test('gives up when it is told to', async () => {
    server = await scriptedServer({});
    const door = await httpTransport({ server: server.url, token: 'x', signal: AbortSignal.abort() });
    expect(await door.create(request)).toMatchObject({ ok: false, failure: { code: 'E_SERVER_AWAY' } });
    expect(server.asked).toEqual([]);
  });
});

test.each([
  ['http://127.0.0.1:8080', false],
  ['http://127.1.2.3', false],
  ['http://localhost:1', false],
  ['http://[::1]:1', false],
  ['https://deploy.example.com', false],
  ['http://deploy.example.com', true],
  ['http://127.0.0.1.example.com', true],
  ['http://10.0.0.1', true],
])('a token sent to %s can be read on the way: %s', (url, expected) => {
  expect(travelsInClear(url)).toBe(expected);
});
