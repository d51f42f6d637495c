import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { bearerOf, mayCancel, mayRead, principalOf } from '../../invoker/bearer.ts';
import { deriveKeys, newRunId } from '../../invoker/secret.ts';
import { gitlabAsker } from '../support/asker.ts';
import { queuedRun, runIn, t0 } from './sample-run.ts';

const tokens = { deploy: 'd_deploy', audit: 'a_audit' };
const keys = deriveKeys(new Uint8Array(32));
const hour = 60 * 60 * 1000;

describe('bearerOf', () => {
  const seen = async (authorization?: string): Promise<unknown> => {
    const app = Fastify();
    app.get('/', async request => ({ bearer: bearerOf(request) ?? null }));
    const { body } = await app.inject({ url: '/', headers: authorization === undefined ? {} : { authorization } });
    return JSON.parse(body).bearer;
  };

  test.each([
    ['Bearer d_deploy', 'd_deploy'],
    ['bearer d_deploy', 'd_deploy'],
    [`Bearer ${'x'.repeat(15_000)}`, 'x'.repeat(15_000)],
    ['Bearer r_x.abc-_~+/=', 'r_x.abc-_~+/='],
  ])('takes the token of `%s`', async (header, token) => {
    expect(await seen(header)).toBe(token);
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer  two-spaces',
    'Basic ZDpk',
    'd_deploy',
    'Bearer a b',
    'Bearer a,b',
    'Bearer d_deploy, Bearer x',
    'Bearer \u00e4',
  ])('finds no token in `%s`', async header => {
    expect(await seen(header)).toBeNull();
  });
});

describe('principalOf', () => {
  test('knows the two tokens, takes anything else for a key, and nothing for nobody', () => {
    expect(principalOf('d_deploy', tokens)).toEqual({ kind: 'deploy', caller: 'deploy token' });
    expect(principalOf('a_audit', tokens)).toEqual({ kind: 'audit', caller: 'audit token' });
    expect(principalOf('d_deploy ', tokens)).toEqual({ kind: 'key', secret: 'd_deploy ' });
    expect(principalOf(undefined, tokens)).toEqual({ kind: 'nobody' });
  });
});

describe('mayRead and mayCancel', async () => {
  const run = queuedRun();
  const ended = runIn('succeeded', { id: run.id });
  const key = { kind: 'key', secret: await keys.runKey(run.id) } as const;
  const may = async (who: Parameters<typeof mayRead>[0], of = run, now = t0) => ({
    read: await mayRead(who, of, keys, now),
    cancel: await mayCancel(who, of, keys, now),
  });

  test('let the caller who asked do both', async () => {
    expect(await may(principalOf('d_deploy', tokens))).toEqual({ read: true, cancel: true });
  });

  test('let no token of the machine do anything with the run of a job', async () => {
    const ofJob = { ...run, asker: gitlabAsker() };
    expect(await may(principalOf('d_deploy', tokens), ofJob)).toEqual({ read: false, cancel: false });
    expect(await may(key, ofJob)).toEqual({ read: true, cancel: true });
    expect(await may(principalOf('a_audit', tokens), ofJob)).toEqual({ read: true, cancel: false });
  });

  test('let an auditor read and nothing else', async () => {
    expect(await may(principalOf('a_audit', tokens))).toEqual({ read: true, cancel: false });
  });

  test('let the holder of the run key do both, with this run only', async () => {
    expect(await may(key)).toEqual({ read: true, cancel: true });
    expect(await may(key, queuedRun({ id: newRunId() }))).toEqual({ read: false, cancel: false });
  });

  test('let a run key read for an hour after the end', async () => {
    expect((await may(key, ended, t0 + hour - 1)).read).toBe(true);
    expect(await may(key, ended, t0 + hour)).toEqual({ read: false, cancel: false });
    expect((await may(principalOf('d_deploy', tokens), ended, t0 + 1000 * hour)).read).toBe(true);
  });

  test('let nobody do anything', async () => {
    expect(await may({ kind: 'nobody' })).toEqual({ read: false, cancel: false });
  });
});
