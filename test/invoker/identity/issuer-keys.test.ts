import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeyTimes } from '../../../invoker/identity/issuer-keys.ts';
import { tokenVerifier, type VerifyToken } from '../../../invoker/identity/verify.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import type { Claims } from '../../support/issuer-claims.ts';
import { policyFrom } from '../../support/policy.ts';

let issuer: TestIssuer;
/** Moved by hand, so that no test waits for a cool-down. */
let clock: number;
beforeEach(async () => {
  issuer = await startIssuer();
  clock = Date.now();
});
afterEach(() => issuer.stop());

const times: KeyTimes = { cooldownMs: 30_000, refreshMs: 600_000, maxAgeMs: 3_000_000, timeoutMs: 500 };

function verifier(changes?: Claims): VerifyToken {
  const rules = [{ name: 'a', allow: ['plan'], refs: ['refs/heads/**'], paths: ['**'] }];
  const { issuers } = policyFrom({
    version: 1,
    issuers: { gitlab: issuer.policyIssuer(changes) },
    repositories: { infra: { url: '/srv/infra.git', rules } },
  });
  return tokenVerifier(
    async () => issuers,
    times,
    () => clock,
  );
}

/** A token of the moment that the clock shows. */
const token = (claims: Claims = {}, options = {}) => issuer.token(claims, { at: clock, ...options });

const codeOf = async (verify: VerifyToken, text = token()): Promise<string> => {
  const result = await verify(text);
  return result.ok ? 'accepted' : result.problem.code;
};

/** How often each outcome came, all asked at the same moment: the tokens are made before, since that takes its time. */
async function tally(verify: VerifyToken, tokens: readonly string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const code of await Promise.all(tokens.map(text => codeOf(verify, text))))
    counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

const twoHundred = (make: (index: number) => string): string[] =>
  Array.from({ length: 200 }, (_, index) => make(index));
const twoHundredOf = (text: string): string[] => twoHundred(() => text);

/** Waits for what happens in the background. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 5));
}

describe('keys', () => {
  test('are fetched once for 200 callers at the same moment', async () => {
    const verify = verifier();
    expect(await tally(verify, twoHundredOf(token()))).toEqual({ accepted: 200 });
    expect(issuer.fetches).toHaveLength(1);
  });

  test('of both names are believed', async () => {
    await issuer.rotate();
    const old = token();
    await issuer.rotate();
    const verify = verifier();
    expect(await codeOf(verify, old)).toBe('accepted');
    expect(await codeOf(verify)).toBe('accepted');
    expect(issuer.fetches).toHaveLength(1);
  });

  test('that are pinned are never fetched', async () => {
    const verify = verifier({ jwks_url: undefined, jwks: issuer.jwks() });
    expect(await codeOf(verify)).toBe('accepted');
    await issuer.rotate();
    expect(await codeOf(verify)).toBe('E_TOKEN_KEY');
    expect(issuer.fetches).toHaveLength(0);
  });

  test('are fetched anew in the background while the old ones serve', async () => {
    const verify = verifier();
    await codeOf(verify);
    clock += times.refreshMs + 1;
    await issuer.down('hanging');
    expect(await tally(verify, twoHundredOf(token()))).toEqual({ accepted: 200 });
    await until(() => issuer.fetches.length === 2);
    clock += times.cooldownMs;
    await issuer.up();
    expect(await codeOf(verify)).toBe('accepted');
    await until(() => issuer.fetches.length === 3);
  });

  test('are still used after the clock was set back', async () => {
    const verify = verifier();
    await codeOf(verify);
    clock -= 86_400_000;
    await issuer.rotate();
    expect(await codeOf(verify)).toBe('accepted');
  });
});

describe('a rotation under load', () => {
  test('costs no valid caller more than the cool-down, and lets nobody else in', { timeout: 60_000 }, async () => {
    const verify = verifier();
    const old = token();
    await codeOf(verify, old);
    await issuer.rotate();
    const mixed = () => {
      const bad = [token({}, { signature: 'stranger' }), token({}, { header: { kid: 'made-up' } })];
      return [old, ...bad, token()].flatMap(text => Array.from({ length: 50 }, () => text));
    };
    expect(await tally(verify, mixed())).toEqual({ accepted: 50, E_TOKEN_KEY: 150 });
    expect(issuer.fetches).toHaveLength(1);
    clock += times.cooldownMs;
    expect(await tally(verify, mixed())).toEqual({ accepted: 100, E_TOKEN_SIGNATURE: 50, E_TOKEN_KEY: 50 });
    expect(issuer.fetches).toHaveLength(2);
    issuer.forget();
    clock += times.refreshMs + 1;
    await codeOf(verify);
    await until(() => issuer.fetches.length === 3);
    clock += times.cooldownMs;
    expect(await codeOf(verify)).toBe('accepted');
    expect(await codeOf(verify, old)).toBe('E_TOKEN_KEY');
  });

  test('a flood of made-up names fetches at most once in a cool-down', async () => {
    const verify = verifier();
    await codeOf(verify);
    for (let round = 1; round <= 3; round++) {
      clock += times.cooldownMs;
      const flood = twoHundred(index => token({}, { header: { kid: `${round}-${index}` } }));
      expect(await tally(verify, flood)).toEqual({ E_TOKEN_KEY: 200 });
      expect(issuer.fetches).toHaveLength(1 + round);
    }
  });
});

describe('an outage', () => {
  test.each(['refused', 'error', 'hanging', 'redirect', 'huge', 'garbage'] as const)(
    'where the issuer is `%s` refuses everybody that has no keys, and is over after the cool-down',
    async how => {
      await issuer.down(how);
      const verify = verifier();
      const started = performance.now();
      expect(await tally(verify, twoHundredOf(token()))).toEqual({ E_KEYS_UNAVAILABLE: 200 });
      expect(performance.now() - started).toBeLessThan(5_000);
      expect(issuer.fetches).toHaveLength(how === 'refused' ? 0 : 1);
      await issuer.up();
      expect(await codeOf(verify)).toBe('E_KEYS_UNAVAILABLE');
      expect(issuer.fetches).toHaveLength(how === 'refused' ? 0 : 1);
      clock += times.cooldownMs;
      expect(await tally(verify, twoHundredOf(token()))).toEqual({ accepted: 200 });
      expect(issuer.followed).toBe(0);
    },
  );

  test.each(['refused', 'error', 'hanging', 'redirect', 'huge', 'garbage'] as const)(
    'where the issuer is `%s` refuses nobody while keys are young enough, and everybody afterwards',
    async how => {
      const verify = verifier();
      await codeOf(verify);
      await issuer.down(how);
      while (clock < Date.now() + times.maxAgeMs - 600_000) {
        clock += 600_000;
        expect(await codeOf(verify)).toBe('accepted');
        expect(await codeOf(verify, token({}, { signature: 'stranger' }))).toBe('E_TOKEN_SIGNATURE');
      }
      clock += times.maxAgeMs;
      expect(await codeOf(verify)).toBe('E_KEYS_UNAVAILABLE');
      await issuer.up();
      clock += times.cooldownMs;
      expect(await codeOf(verify)).toBe('accepted');
    },
  );

  test('asks at most once in a cool-down, whatever is asked for', async () => {
    const verify = verifier();
    await codeOf(verify);
    await issuer.down('error');
    clock += times.refreshMs + 1;
    for (let round = 1; round <= 3; round++) {
      const made = twoHundred(index => token({}, index % 2 ? { header: { kid: `${round}-${index}` } } : {}));
      expect(await tally(verify, made)).toEqual({ accepted: 100, E_KEYS_UNAVAILABLE: 100 });
      expect(issuer.fetches).toHaveLength(1 + round);
      clock += times.cooldownMs;
    }
  });

  test('says nothing against the token', async () => {
    await issuer.down('error');
    expect(await verifier()(token())).toEqual({
      ok: false,
      problem: {
        code: 'E_KEYS_UNAVAILABLE',
        message: 'the public keys of issuer `gitlab` cannot be had now',
        fix: 'ask again in a minute; an admin may pin them with `jwks` in the policy',
      },
    });
  });
});
