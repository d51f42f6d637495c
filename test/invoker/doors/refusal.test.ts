import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ErrorAnswer, type Plane, planOnlyPolicy, testPlane, tokens } from '../test-plane.ts';

const good = { command: 'plan', path: 'prod/vpc', ref: 'main' };
const written = JSON.stringify(good);
const token = tokens.deploy;

let plane: Plane;
beforeAll(async () => {
  plane = await testPlane();
});
const post = (body: object | string | Buffer, headers: Record<string, string> = {}, url = '/v1/runs') =>
  plane.ask<ErrorAnswer>('POST', url, { token, body, headers });

describe('a body that two readers could understand in two ways', () => {
  const cases: [string, string | Buffer][] = [
    ['a key twice', '{"command":"plan","path":"prod/vpc","ref":"main","ref":"x"}'],
    ['a key twice, once escaped', '{"command":"plan","path":"prod/vpc","ref":"main","\\u0072ef":"x"}'],
    ['a byte order mark', `\ufeff${written}`],
    ['bad UTF-8', Buffer.concat([Buffer.from('{"path":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])],
    ['another encoding', Buffer.from(written, 'utf16le')],
    ['half of a character pair', '{"command":"plan","path":"\\ud800","ref":"main"}'],
    ['__proto__', '{"__proto__":{"command":"apply"},"command":"plan","path":"prod/vpc","ref":"main"}'],
    ['constructor', '{"constructor":{},"command":"plan","path":"prod/vpc","ref":"main"}'],
    ['a second value', `${written}${written}`],
    ['a comment', `${written}// x`],
    ['no end', written.slice(0, -1)],
    ['depth', `${'['.repeat(5000)}${']'.repeat(5000)}`],
  ];

  test.each(cases)('is refused for %s', async (_, body) => {
    for (const url of ['/v1/runs', '/v1/decisions']) {
      const { status, body: answer } = await post(body, {}, url);
      expect([status, answer.error.code]).toEqual([400, 'E_JSON']);
    }
  });
});

describe('a body of another shape', () => {
  test.each<[string, string]>([
    ['nothing', ''],
    ['null', 'null'],
    ['an array', `[${written}]`],
    ['a text', '"plan"'],
    ['a key too many', JSON.stringify({ ...good, force: true })],
    ['a key too few', '{"command":"plan","path":"prod/vpc"}'],
    ['an array for a text', JSON.stringify({ ...good, command: ['plan'] })],
    ['a number for a text', JSON.stringify({ ...good, ref: 7 })],
    ['a text for a boolean', JSON.stringify({ ...good, receipt: 'false' })],
    ['a command in upper case', JSON.stringify({ ...good, command: 'PLAN' })],
    ['a short requestId', JSON.stringify({ ...good, requestId: 'x' })],
    ['a plan id that is a path', JSON.stringify({ ...good, command: 'apply', planId: '../r_x' })],
  ])('is refused for %s, and nothing is coerced or stripped', async (_, body) => {
    const { status, body: answer } = await post(body);
    expect([status, answer.error.code]).toEqual([400, 'E_SCHEMA']);
  });

  test('is refused when there is no body at all', async () => {
    const { status, body } = await plane.ask<ErrorAnswer>('POST', '/v1/runs', { token });
    expect([status, body.error.code]).toEqual([400, 'E_SCHEMA']);
  });

  test.each([
    [{ path: '../prod' }, 'E_PATH_SYNTAX'],
    [{ path: 'prod/vpc/' }, 'E_PATH_SYNTAX'],
    [{ ref: '-main' }, 'E_REF_SYNTAX'],
    [{ ref: 'refs/heads/../main' }, 'E_REF_SYNTAX'],
    [{ planId: `r_${'a'.repeat(26)}` }, 'E_BAD_REQUEST'],
  ])('is refused for %j, which has another form or sense', async (part, code) => {
    const { status, body } = await post({ ...good, ...part });
    expect([status, body.error.code]).toEqual([400, code]);
  });
});

describe('a request that is not for this door', () => {
  test.each(['text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded', 'application/json5', 'x'])(
    'is refused with the content type %s',
    async type => {
      const { status, body } = await post(written, { 'content-type': type });
      expect([status, body.error.code]).toEqual([415, 'E_MEDIA_TYPE']);
    },
  );

  test.each(['application/json; charset=utf-8', 'application/json;charset="UTF-8"', 'Application/JSON'])(
    'may say that it is UTF-8, as %s',
    async type => {
      expect((await post(written, { 'content-type': type })).status).toBe(202);
    },
  );

  test.each([
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': 'application/json; charset=iso-8859-1' },
    { 'content-type': 'application/json; charset=utf-8; charset=utf-7' },
    { 'content-type': 'application/json; boundary=x' },
    { 'content-type': 'application/json, text/plain' },
    { 'content-type': 'application/vnd.api+json' },
    { 'content-encoding': 'gzip' },
    { 'content-encoding': 'identity' },
  ])('is refused where its headers say that it is read otherwise: %j', async headers => {
    for (const body of [written, gzipSync(written)])
      for (const url of ['/v1/runs', '/v1/decisions']) {
        const { status, body: answer } = await post(body, headers, url);
        expect([status, answer.error.code]).toEqual([415, 'E_MEDIA_TYPE']);
      }
  });

  test('is refused above 16 KiB, and read up to there', async () => {
    const padded = (length: number) => written + ' '.repeat(length - written.length);
    expect((await post(padded(16 * 1024))).status).toBe(202);
    const { status, body } = await post(padded(16 * 1024 + 1));
    expect([status, body.error.code]).toEqual([413, 'E_TOO_LARGE']);
  });

  test.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['GET', '/V1/runs'],
    ['DELETE', '/v1/runs'],
    ['PATCH', '/v1/runs'],
    ['PUT', '/v1/runs'],
    ['GET', '/v1/decisions'],
    ['HEAD', '/v1/audit'],
    ['OPTIONS', '/v1/runs'],
    ['GET', '/worker/v1/claim'],
  ] as const)('is not found at %s %s', async (method, url) => {
    const { statusCode, payload } = await plane.app.inject({ method, url });
    expect(statusCode).toBe(404);
    if (method !== 'HEAD') expect(JSON.parse(payload).error.code).toBe('E_NOT_FOUND');
  });

  test.each([
    '/v1/runs/',
    '/v1/runs/x',
    '/v1/runs/r_short',
    `/v1/runs/r_${'a'.repeat(300)}`,
    '/v1/runs/..%2f..%2fetc',
    '/v1/runs/%zz',
    '/v1/runs/%00',
    `/v1/runs/r_${'a'.repeat(26)}/logs?cursor=-1`,
    `/v1/runs/r_${'a'.repeat(26)}/logs?cursor=1&cursor=2`,
    `/v1/runs/r_${'a'.repeat(26)}/logs?from=1`,
  ])('is refused or not found at the address %s', async url => {
    const { status, body } = await plane.ask<ErrorAnswer>('GET', url, { token });
    expect([400, 404]).toContain(status);
    expect(body.error.code).toMatch(/^E_(SCHEMA|BAD_REQUEST|NOT_FOUND)$/);
  });
});

describe('who asks', () => {
  test.each([
    ['nobody', undefined],
    ['an auditor', tokens.audit],
    ['somebody with a made-up token', 'd_deploy2'],
    ['the holder of a run key', 'k_x'],
  ])('starts nothing as %s', async (_, token) => {
    for (const url of ['/v1/runs', '/v1/decisions']) {
      const sent = { body: good, ...(token === undefined ? {} : { token }) };
      const { status, body } = await plane.ask<ErrorAnswer>('POST', url, sent);
      expect([status, body.error.code]).toEqual([401, 'E_UNAUTHENTICATED']);
    }
  });

  test('learns that a body is wrong before that a token is, so that neither depends on the other', async () => {
    const { status } = await plane.ask('POST', '/v1/runs', { body: '{' });
    expect(status).toBe(400);
  });
});

describe('what the policy denies', () => {
  test('is answered with all reasons and a fix', async () => {
    plane.setPolicy(planOnlyPolicy);
    const { status, body } = await post({ ...good, command: 'apply' });
    expect([status, body.error.code]).toEqual([403, 'E_COMMAND_NOT_ALLOWED']);
    expect(body.error.fix).toContain('--command plan --path prod/vpc');
    expect(body.error.details?.reasons).toMatchObject([{ code: 'E_COMMAND_NOT_ALLOWED', rule: 'plan-anywhere' }]);
  });

  test.each([
    [{ mode: 'destroy' }, 'E_MODE_NOT_ALLOWED'],
    [{ replace: ['aws_eip.nat'] }, 'E_REPLACE_NOT_ALLOWED'],
    [{ reason: 'because' }, 'E_REASON_NOT_ALLOWED'],
    [{ receipt: false }, 'E_RECEIPT_NOT_ALLOWED'],
    [{ repo: 'another' }, 'E_REPO_NOT_ALLOWED'],
    [{ path: 'dev/vpc' }, 'E_PATH_NOT_ALLOWED'],
  ])('includes %j', async (part, code) => {
    const { status, body } = await post({ ...good, ...part });
    expect([status, body.error.code]).toEqual([403, code]);
  });
});
