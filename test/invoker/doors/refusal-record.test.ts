import { beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../invoker/secret.ts';
import { type ErrorAnswer, type Plane, planOnlyPolicy, testPlane, tokens } from '../test-plane.ts';
import { planned } from '../test-worker.ts';

const good = { command: 'plan', path: 'prod/vpc', ref: 'main' };
const written = JSON.stringify(good);
const token = tokens.deploy;

let plane: Plane;
beforeAll(async () => {
  plane = await testPlane();
});
const post = (body: object | string | Buffer, headers: Record<string, string> = {}, url = '/v1/runs') =>
  plane.ask<ErrorAnswer>('POST', url, { token, body, headers });

describe('the audit trail', () => {
  const refusalOf = async (body: object | string | Buffer, headers: Record<string, string> = {}, as = token) => {
    const { requestId } = await plane.ask('POST', '/v1/runs', { token: as, body, headers });
    return (await plane.trail()).filter(({ event }) => event.requestId === requestId).map(({ event }) => event);
  };

  test('has what could not be read, as a digest', async () => {
    for (const body of ['{', `\ufeff${written}`, JSON.stringify({ ...good, path: '../prod' })]) {
      const [event, ...more] = await refusalOf(body);
      expect(event).toMatchObject({ kind: 'refused', bodyDigest: digestOf(body), caller: 'deploy token' });
      expect(event?.code).toMatch(/^E_(JSON|PATH_SYNTAX)$/);
      expect([event?.path, more]).toEqual([undefined, []]);
    }
  });

  test('has what was too large or of another type', async () => {
    expect(await refusalOf(' '.repeat(20_000))).toMatchObject([{ kind: 'refused', code: 'E_TOO_LARGE' }]);
    expect(await refusalOf(written, { 'content-type': 'text/plain' })).toMatchObject([{ code: 'E_MEDIA_TYPE' }]);
  });

  test('has who was not known, and what was denied under which policy', async () => {
    const asked = { command: 'plan', path: 'prod/vpc', ref: 'main' };
    expect(await refusalOf(good, {}, 'x')).toMatchObject([
      { ...asked, code: 'E_UNAUTHENTICATED', caller: 'nobody known' },
    ]);
    expect(await refusalOf(good, {}, tokens.audit)).toMatchObject([{ caller: 'audit token' }]);
    plane.setPolicy(planOnlyPolicy);
    const denied = { ...good, path: 'dev/vpc', repo: 'r'.repeat(300) };
    expect(await refusalOf(denied)).toMatchObject([
      {
        code: 'E_REPO_NOT_ALLOWED',
        path: 'dev/vpc',
        repo: 'r'.repeat(256),
        policyDigest: digestOf(planOnlyPolicy),
      },
    ]);
  });

  test('has the refusal of an apply whose plan is missing', async () => {
    const other = await testPlane();
    const planId = await planned(other);
    const { body } = await other.ask<ErrorAnswer>('POST', '/v1/runs', {
      token,
      body: { command: 'apply', path: 'staging/vpc', ref: 'main', planId },
    });
    expect((await other.trail()).at(-1)?.event).toMatchObject({
      kind: 'refused',
      command: 'apply',
      code: body.error.code,
      requestId: body.error.requestId,
    });
  });

  test('says nothing of decisions, which start nothing', async () => {
    const before = (await plane.trail()).length;
    await post('{', {}, '/v1/decisions');
    expect((await plane.trail()).length).toBe(before);
  });
});

describe('a failure of the server', () => {
  const failing = (names: readonly string[]) => (real: Plane['ledger']) =>
    new Proxy(real, {
      get: (target, name, receiver) =>
        names.includes(String(name))
          ? () => Promise.reject(new Error('password=hunter2'))
          : Reflect.get(target, name, receiver),
    });

  test.each([
    ['the run cannot be stored', ['create']],
    ['nothing can be stored', ['create', 'record', 'open']],
  ])('says only that, when %s', async (_, names) => {
    const broken = await testPlane({ ledger: failing(names) });
    const { status, text, requestId } = await broken.ask('POST', '/v1/runs', { token, body: good });
    expect(status).toBe(500);
    expect(text).toContain('E_INTERNAL');
    expect(text).not.toMatch(/hunter2|password|\.ts|at /);
    expect(broken.log()).toContain(requestId);
  });

  test('says only that while reading, too', async () => {
    const broken = await testPlane({ ledger: failing(['get', 'list', 'audit']) });
    const addresses = [`/v1/runs/r_${'a'.repeat(26)}`, '/v1/runs', '/v1/audit'];
    for (const url of addresses) {
      const { status, text } = await broken.ask('GET', url, { token: tokens.audit });
      expect([url, status]).toEqual([url, 500]);
      expect(text).not.toContain('hunter2');
    }
    const { status, text } = await broken.ask('POST', '/worker/v1/heartbeat', { token: 'r_x.y', body: {} });
    expect([status, text.includes('hunter2')]).toEqual([500, false]);
  });
});
