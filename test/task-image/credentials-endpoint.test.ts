import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import type { Session } from '../../policies/contract/worker.ts';
import { type CredentialsEndpoint, openCredentialsEndpoint } from '../../task-image/credentials-endpoint.ts';
import { session } from './aws-stub.ts';

let endpoint: CredentialsEndpoint | undefined;
const hidden: string[] = [];
afterEach(() => endpoint?.close());

interface Place {
  readonly url: URL;
  readonly token: string;
}

async function open(current: () => Promise<Session | undefined>): Promise<Place> {
  endpoint = await openCredentialsEndpoint(current, secret => void hidden.push(secret));
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri = '', AWS_CONTAINER_AUTHORIZATION_TOKEN: token = '' } =
    endpoint.environment;
  return { url: new URL(uri), token };
}

interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const ask = ({ url, token }: Place, { method = 'GET', path = url.pathname, headers = {} }: Asking = {}) =>
  new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    const all = { host: url.host, authorization: token, ...headers };
    request({ host: '127.0.0.1', port: url.port, method, path, headers: all }, async response => {
      resolve({ status: response.statusCode, body: await json(response).catch(() => undefined) });
    })
      .on('error', reject)
      .end();
  });

const one = session('ROLE');

describe('the endpoint for credentials', () => {
  test('answers as the SDKs of AWS expect it, on loopback only', async () => {
    const place = await open(async () => one);
    expect(place.url.hostname).toBe('127.0.0.1');
    expect(await ask(place)).toEqual({
      status: 200,
      body: {
        AccessKeyId: one.accessKeyId,
        SecretAccessKey: one.secretAccessKey,
        Token: one.sessionToken,
        Expiration: one.expiresAt,
      },
    });
  });

  test('has a token that nobody guesses, and that is hidden', async () => {
    const first = await open(async () => one);
    await endpoint?.close();
    const second = await open(async () => one);
    expect(Buffer.from(first.token, 'base64url').length).toBeGreaterThanOrEqual(16);
    expect(second.token).not.toBe(first.token);
    expect(hidden).toEqual(expect.arrayContaining([first.token, second.token]));
  });

  test.each<[string, (place: Place) => Asking]>([
    ['without the token', () => ({ headers: { authorization: '' } })],
    ['with another token', ({ token }) => ({ headers: { authorization: `${token}x` } })],
    ['with the token as a bearer', ({ token }) => ({ headers: { authorization: `Bearer ${token}` } })],
    ['at another path', () => ({ path: '/' })],
    ['at the path and more', ({ url }) => ({ path: `${url.pathname}?x` })],
    ['by another method', () => ({ method: 'POST' })],
    ['by another name of this machine', ({ url }) => ({ headers: { host: `localhost:${url.port}` } })],
    ['by a name that leads here', ({ url }) => ({ headers: { host: `evil.example:${url.port}` } })],
  ])('tells nothing to who asks %s', async (_what, how) => {
    let isAsked = false;
    const place = await open(async () => {
      isAsked = true;
      return one;
    });
    const answer = await ask(place, how(place));
    expect(answer).toEqual({ status: 403, body: { code: 'AccessDenied', message: 'this is not for you' } });
    expect(isAsked).toBe(false);
  });

  test('says that there are none now', async () => {
    expect(await ask(await open(async () => undefined))).toMatchObject({ status: 503 });
  });

  test('is gone when it is closed', async () => {
    const place = await open(async () => one);
    await endpoint?.close();
    await expect(ask(place)).rejects.toThrow('ECONNREFUSED');
    endpoint = undefined;
  });
});
