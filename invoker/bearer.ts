/** Who is asking, from the bearer token alone. */
import type { FastifyRequest } from 'fastify';
import { ok, type Problem, type Result } from '../policies/contract/error.ts';
import { callerOf, type Identity } from '../policies/contract/identity.ts';
import { isIdToken, type VerifyToken } from './identity/verify.ts';
import type { RunRecord } from './run.ts';
import { type Seals, sameSecret } from './secret.ts';

/**
 * `deploy` creates runs, and reads and cancels those of the machine's tokens; `audit` reads; `key` is whoever holds the key
 * of one run. An ID token is none of these: it asks (`askerOf`), and the key it is answered with reads and cancels.
 */
export type Principal =
  | { readonly kind: 'deploy'; readonly caller: string }
  | { readonly kind: 'audit'; readonly caller: string }
  | { readonly kind: 'key'; readonly secret: string }
  | { readonly kind: 'nobody' };

/** Somebody who asks: a machine's token has no identity. */
export interface Who {
  readonly caller: string;
  readonly identity?: Identity;
}

/** Whoever could not be told who it is. */
export const nobodyKnown: Who = { caller: 'nobody known' };

export interface Tokens {
  readonly deploy: string;
  readonly audit: string;
}

/** As long as headers may be: an ID token has some kilobytes. */
export function bearerOf(request: FastifyRequest): string | undefined {
  // Of two tokens nobody should have to guess which one counts.
  if (request.raw.rawHeaders.filter((name, at) => at % 2 === 0 && /^authorization$/i.test(name)).length > 1)
    return undefined;
  const match = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.authorization ?? '');
  return match?.[1];
}

export function principalOf(secret: string | undefined, tokens: Tokens): Principal {
  if (secret === undefined) return { kind: 'nobody' };
  if (sameSecret(secret, tokens.deploy)) return { kind: 'deploy', caller: 'deploy token' };
  if (sameSecret(secret, tokens.audit)) return { kind: 'audit', caller: 'audit token' };
  return { kind: 'key', secret };
}

/** Whoever may ask for a run: a verified ID token, or the deploy token, which says nothing of who holds it. */
export async function askerOf(secret: string | undefined, tokens: Tokens, verify: VerifyToken): Promise<Result<Who>> {
  if (secret !== undefined && isIdToken(secret)) return jobOf(secret, verify);
  const principal = principalOf(secret, tokens);
  if (principal.kind === 'deploy') return ok({ caller: principal.caller });
  const fix =
    'send `authorization: Bearer …` with the token of `server.json` in the data directory (INFRA_DEPLOYER_TOKEN), or with an ID token of an issuer of the policy (INFRA_DEPLOYER_ID_TOKEN)';
  return { ok: false, problem: { ...unauthenticated, fix } };
}

/** Whoever an ID token says. */
export async function jobOf(idToken: string, verify: VerifyToken): Promise<Result<Who>> {
  const verified = await verify(idToken);
  return verified.ok ? ok({ caller: callerOf(verified.value), identity: verified.value }) : verified;
}

const keyLastsMs = 60 * 60 * 1000;

/** The key of a run reads it until one hour after its end. */
export async function mayRead(
  principal: Principal,
  run: RunRecord,
  seals: Pick<Seals, 'runKey'>,
  now: number,
): Promise<boolean> {
  if (principal.kind === 'audit') return true;
  if (principal.kind === 'deploy') return run.asker.identity === undefined;
  if (principal.kind !== 'key' || !sameSecret(principal.secret, await seals.runKey(run.id))) return false;
  return run.endedAt === undefined || now < run.endedAt + keyLastsMs;
}

export const mayCancel: typeof mayRead = async (principal, run, seals, now) =>
  principal.kind !== 'audit' && mayRead(principal, run, seals, now);

/** Each door knows what it wants to be shown: a worker has no use for where a caller's token lies. */
export const unauthenticated: Problem = { code: 'E_UNAUTHENTICATED', message: 'no token that is known here' };
