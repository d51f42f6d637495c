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

describe('mayRead and mayCancel', () => {
  const run = queuedRun();
  const ended = runIn('succeeded', { id: run.id });
  const key = { kind: 'key', secret: keys.runKey(run.id) } as const;
  const may = (who: Parameters<typeof mayRead>[0], of = run, now = t0) => ({
    read: mayRead(who, of, keys, now),
    cancel: mayCancel(who, of, keys, now),
  });

  test('let the caller who asked do both', () => {
    expect(may(principalOf('d_deploy', tokens))).toEqual({ read: true, cancel: true });
  });

  test('let no token of the machine do anything with the run of a job', () => {
    const ofJob = { ...run, asker: gitlabAsker() };
    expect(may(principalOf('d_deploy', tokens), ofJob)).toEqual({ read: false, cancel: false });
    expect(may(key, ofJob)).toEqual({ read: true, cancel: true });
    expect(may(principalOf('a_audit', tokens), ofJob)).toEqual({ read: true, cancel: false });
  });

  test('let an auditor read and nothing else', () => {
    expect(may(principalOf('a_audit', tokens))).toEqual({ read: true, cancel: false });
  });

  test('let the holder of the run key do both, with this run only', () => {
    expect(may(key)).toEqual({ read: true, cancel: true });
    expect(may(key, queuedRun({ id: newRunId() }))).toEqual({ read: false, cancel: false });
  });

  test('let a run key read for an hour after the end', () => {
    expect(may(key, ended, t0 + hour - 1).read).toBe(true);
    expect(may(key, ended, t0 + hour)).toEqual({ read: false, cancel: false });
    expect(may(principalOf('d_deploy', tokens), ended, t0 + 1000 * hour).read).toBe(true);
  });

  test('let nobody do anything', () => {
    expect(may({ kind: 'nobody' })).toEqual({ read: false, cancel: false });
  });
});
