/** A GitLab-shaped issuer of ID tokens on loopback: discovery, a key set that rotates, and every way it can be out of order. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Claims, githubClaims, gitlabClaims, times } from './issuer-claims.ts';
import { newSigningKey, type SigningKey, type TokenOptions, tokenOf } from './issuer-token.ts';

export interface TestIssuer {
  /** The `iss` of its tokens. */
  readonly url: string;
  readonly audience: string;
  /** When its keys were asked for, in ms since 1970; an attempt that is refused a connection does not arrive here. */
  readonly fetches: readonly number[];
  /** How often somebody went where `down('redirect')` points to. */
  readonly followed: number;
  /** Its public keys, as they are at the address of `policyIssuer()`. */
  jwks(): { readonly keys: readonly Readonly<Record<string, string>>[] };
  /** A GitLab job's token, made at `at` (ms); a claim that is `undefined` is left out. */
  token(claims?: Claims, options?: TokenOptions): string;
  /** A GitHub job's token by the same keys. */
  githubToken(claims?: Claims, options?: TokenOptions): string;
  /** From now on it signs with a new key; the old ones are believed until `forget()`. */
  rotate(): Promise<void>;
  forget(): void;
  down(how?: OutOfOrder): Promise<void>;
  up(): Promise<void>;
  /** Its entry below `issuers:`, with `changes`; a key that is `undefined` is left out. */
  policyIssuer(changes?: Claims): Record<string, unknown>;
  stop(): Promise<void>;
}

export type OutOfOrder = 'refused' | 'error' | 'hanging' | 'redirect' | 'huge' | 'garbage';

const keysPath = '/oauth/discovery/keys';
const audience = 'https://infra-deployer.example.com';

/** One is enough for all, and making keys takes its time. */
let stranger: Promise<SigningKey> | undefined;

export async function startIssuer(): Promise<TestIssuer> {
  stranger ??= newSigningKey();
  const [evil, ...own] = await Promise.all([stranger, newSigningKey(), newSigningKey()]);
  let published: readonly SigningKey[] = own;
  let signing: SigningKey | undefined;
  let state: OutOfOrder | 'up' = 'up';
  const fetches: number[] = [];
  let followed = 0;

  const jwks = () => ({ keys: published.map(key => key.publicJwk) });
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const json = (body: unknown) =>
      response
        .writeHead(200, {
          'content-type': 'application/json; charset=utf-8',
          'cache-control': 'max-age=86400, public, must-revalidate, no-transform',
        })
        .end(JSON.stringify(body));
    if (request.url === '/elsewhere') {
      followed++;
      json({ keys: [evil.publicJwk] });
    } else if (request.url === '/.well-known/openid-configuration') {
      json({ issuer: url, jwks_uri: url + keysPath, id_token_signing_alg_values_supported: ['RS256'] });
    } else if (request.url === keysPath) {
      fetches.push(Date.now());
      if (state === 'up') json(jwks());
      else if (state === 'error') response.writeHead(500).end('<h1>500</h1>');
      else if (state === 'redirect') response.writeHead(302, { location: `${url}/elsewhere` }).end();
      else if (state === 'garbage') response.writeHead(200).end('<h1>Sign in</h1>');
      else if (state === 'huge') json({ keys: Array.from({ length: 2_000 }, () => published[0]?.publicJwk) });
      // `hanging`: the connection stays open, and nothing ever comes.
    } else response.writeHead(404).end();
  });
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const port = await listen(0);
  const url = `http://127.0.0.1:${port}`;

  const make = (claims: Claims, options: TokenOptions) => {
    const key = signing ?? own[0];
    if (key === undefined) throw new Error('an issuer has a key');
    return tokenOf(claims, options, { own: key, stranger: evil });
  };
  return {
    url,
    audience,
    fetches,
    get followed() {
      return followed;
    },
    jwks,
    token: (claims = {}, options = {}) =>
      make({ ...gitlabClaims, ...times(options.at), iss: url, aud: audience, ...claims }, options),
    githubToken: (claims = {}, options = {}) =>
      make({ ...githubClaims, ...times(options.at), iss: url, aud: audience, ...claims }, options),
    rotate: async () => {
      signing = await newSigningKey();
      published = [signing, ...published];
    },
    forget: () => {
      if (signing) published = [signing];
    },
    down: async (how = 'refused') => {
      if (how === 'refused' && server.listening) await close();
      state = how;
    },
    up: async () => {
      state = 'up';
      if (!server.listening) await listen(port);
    },
    policyIssuer: (changes = {}) =>
      JSON.parse(JSON.stringify({ kind: 'gitlab', issuer: url, audience, jwks_url: url + keysPath, ...changes })),
    stop: async () => {
      if (server.listening) await close();
    },
  };
}
