/** The public keys of one issuer: fetched rarely, kept for long, never followed to another address. */
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Issuer } from '../../policies/allowlist.ts';

export interface KeyTimes {
  /** After any attempt to fetch, so long nothing is fetched again: an unknown key is refused meanwhile. */
  readonly cooldownMs: number;
  /** Keys older than this are fetched anew in the background, while they are still used. */
  readonly refreshMs: number;
  /** Keys older than this are not used any more: where none can be fetched, every token is refused. */
  readonly maxAgeMs: number;
  readonly timeoutMs: number;
}

export const usualKeyTimes: KeyTimes = {
  cooldownMs: 30_000,
  refreshMs: 10 * 60_000,
  maxAgeMs: 24 * 60 * 60_000,
  timeoutMs: 5_000,
};

/** Thrown when keys were needed that could not be had: says nothing against the token. */
export class KeysUnavailable extends Error {}

const maxBytes = 256 * 1024;

export function issuerKeys(issuer: Issuer, times: KeyTimes, now: () => number): JWTVerifyGetKey {
  if (issuer.jwks) return createLocalJWKSet(issuer.jwks as unknown as JSONWebKeySet);
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  const remote = createRemoteJWKSet(new URL(issuer.jwksUrl ?? ''), {
    // Ours counts attempts, the library's only successes: in an outage it would ask for every unknown key.
    cooldownDuration: 0,
    cacheMaxAge: times.maxAgeMs,
    timeoutDuration: times.timeoutMs,
    [customFetch]: async (url, options) => {
      if (now() < attemptedAt + times.cooldownMs) throw new KeysUnavailable('asked for a short time ago');
      attemptedAt = now();
      const response = await limited(await fetch(url, options));
      if (response.status === 200) fetchedAt = now();
      return response;
    },
  });
  const isCooling = () => now() < attemptedAt + times.cooldownMs;
  return async (header, token) => {
    if (remote.jwks() && now() > fetchedAt + times.refreshMs && !isCooling()) void remote.reload().catch(() => {});
    return await remote(header, token);
  };
}

async function limited(response: Response): Promise<Response> {
  const bytes: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new KeysUnavailable('the key set is too large');
    bytes.push(chunk);
  }
  return new Response(response.status === 200 ? Buffer.concat(bytes) : null, { status: response.status });
}
