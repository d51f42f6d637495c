/** The public keys of one issuer: fetched rarely, kept for long, never followed to another address. */
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import type { Issuer } from '../../policies/allowlist.ts';

export interface KeyTimes {
  /** After any attempt to fetch, so long nothing is fetched again: its outcome stands, also for an unknown key. */
  readonly cooldownMs: number;
  /** Keys older than this are fetched anew; where that fails they are still used. */
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

/** Fetching is our own: the library's cool-down begins only at a success, so in an outage it would fetch for every unknown key. */
export function issuerKeys({ jwks, jwksUrl = '' }: Issuer, times: KeyTimes, now: () => number): JWTVerifyGetKey {
  if (jwks) return createLocalJWKSet({ keys: [...jwks.keys] });
  let kept: { readonly find: JWTVerifyGetKey; readonly at: number } | undefined;
  let attempt = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };

  /** By a clock that may be set back, too. */
  const ageOf = ({ at }: { readonly at: number }): number => Math.abs(now() - at);

  /** Ends as the last attempt did, which is a new one where the cool-down is over. */
  const fetchKeys = (): Promise<void> => {
    const at = now();
    // A clock that was set back must not stop it for as long.
    if (Math.abs(at - attempt.at) >= times.cooldownMs) {
      const done = load(jwksUrl, times.timeoutMs).then(find => {
        kept = { find, at };
      });
      done.catch(() => {});
      attempt = { at, done };
    }
    return attempt.done;
  };
  const usable = (): JWTVerifyGetKey | undefined => (kept && ageOf(kept) <= times.maxAgeMs ? kept.find : undefined);
  const needed = async (): Promise<JWTVerifyGetKey> => {
    await fetchKeys();
    const find = usable();
    if (find === undefined) throw new KeysUnavailable('the keys are too old');
    return find;
  };

  return async (header, token) => {
    // Waited for, so that a key that was withdrawn while nobody asked is not believed once more; bounded by the cool-down.
    if (kept && ageOf(kept) > times.refreshMs) await fetchKeys().catch(() => {});
    try {
      return await (usable() ?? (await needed()))(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return await (await needed())(header, token);
      throw error;
    }
  };
}

async function load(url: string, timeoutMs: number): Promise<JWTVerifyGetKey> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
    headers: { accept: 'application/json, application/jwk-set+json' },
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new KeysUnavailable('the key set is too large');
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new KeysUnavailable(`the issuer answered ${response.status}`);
  return createLocalJWKSet(JSON.parse(Buffer.concat(chunks).toString()));
}
