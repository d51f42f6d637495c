/** Believes an ID token, or says why not: issuer, algorithm, signature, audience and times, then what its claims mean. */
import { base64url, decodeJwt, decodeProtectedHeader, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Issuer } from '../../policies/allowlist.ts';
import { type Result, refuse } from '../../policies/contract/error.ts';
import type { Identity } from '../../policies/contract/identity.ts';
import { kinds } from '../../policies/issuers/kinds.ts';
import { quote } from '../../policies/quote.ts';
import { parseStrictJson } from '../../policies/strict-json.ts';
import { issuerKeys, type KeyTimes } from './issuer-keys.ts';

export type VerifyToken = (token: string) => Promise<Result<Identity>>;

const maxLength = 8 * 1024;
const clockToleranceSeconds = 30;

/** A token that cannot be an ID token is a token of the machine: two dots make the difference (RFC 7519). */
export const isIdToken = (token: string): boolean => token.split('.').length === 3;

/** `issuers` are those of the policy in force at each call; keys live as long as an issuer stays as it is. */
export function tokenVerifier(
  issuers: () => Promise<ReadonlyMap<string, Issuer>>,
  times: KeyTimes,
  now: () => number,
): VerifyToken {
  const keysOf = new Map<string, JWTVerifyGetKey>();
  const keys = (issuer: Issuer): JWTVerifyGetKey => {
    const name = JSON.stringify([issuer.jwksUrl, issuer.jwks]);
    const known = keysOf.get(name) ?? issuerKeys(issuer, times, now);
    keysOf.set(name, known);
    return known;
  };

  return async token => {
    if (token.length > maxLength) return refuse('E_TOKEN_TOO_LARGE', 'the ID token is larger than 8 KiB');
    const read = unverified(token);
    if (!read.ok) return read;
    const issuer = [...(await issuers()).values()].find(one => one.issuer === read.value.iss);
    if (issuer === undefined)
      return refuse(
        'E_TOKEN_ISSUER',
        `the ID token is from ${quote(read.value.iss)}, which the policy does not believe`,
        'use a token of an issuer of the policy',
      );
    try {
      const { payload } = await jwtVerify(token, keys(issuer), {
        algorithms: ['RS256'],
        issuer: issuer.issuer,
        audience: issuer.audience,
        requiredClaims: ['iss', 'aud', 'exp', 'iat'],
        clockTolerance: clockToleranceSeconds,
        maxTokenAge: issuer.maxAgeSeconds,
        currentDate: new Date(now()),
      });
      return kinds[issuer.kind].identify(issuer.name, payload);
    } catch (error) {
      return refusalOf(error, issuer, token, now());
    }
  };
}

/** What a token says of itself before anything of it is believed: enough to choose whose keys to try. */
function unverified(token: string): Result<{ readonly iss: string }> {
  let header: ReturnType<typeof decodeProtectedHeader>;
  let iss: unknown;
  let claims: Result<unknown>;
  try {
    header = decodeProtectedHeader(token);
    iss = decodeJwt(token).iss;
    claims = parseStrictJson(base64url.decode(token.split('.')[1] ?? ''));
  } catch {
    return refuse(
      'E_TOKEN_MALFORMED',
      'this is not an ID token',
      'set INFRA_DEPLOYER_ID_TOKEN by `id_tokens:` of the job',
    );
  }
  if (header.alg !== 'RS256') return refuse('E_TOKEN_ALGORITHM', 'the ID token is not signed with RS256');
  const tricks = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64'].filter(name => Object.hasOwn(header, name));
  if (tricks.length > 0)
    return refuse(
      'E_TOKEN_HEADER',
      `the ID token brings ${tricks.map(quote).join(', ')}, where only the issuer's own keys count`,
    );
  if (!claims.ok)
    return refuse('E_TOKEN_MALFORMED', `the claims of the ID token cannot be read: ${claims.problem.message}`);
  if (typeof header.kid !== 'string') return refuse('E_TOKEN_KEY', 'the ID token does not name its key');
  return typeof iss === 'string' ? { ok: true, value: { iss } } : refuse('E_TOKEN_CLAIMS', 'claim `iss` is missing');
}

function refusalOf(error: unknown, issuer: Issuer, token: string, now: number): Result<Identity> {
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return refuse('E_TOKEN_SIGNATURE', "the signature of the ID token is not its issuer's");
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return refuse('E_TOKEN_KEY', "the ID token's key is not one of its issuer's");
  if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed)
    return error.reason === 'check_failed'
      ? wrongClaim(error.claim, issuer, token, now)
      : refuse(
          'E_TOKEN_CLAIMS',
          `claim ${quote(error.claim)} is ${error.reason === 'missing' ? 'missing' : 'not a number'}`,
        );
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid)
    return refuse('E_TOKEN_MALFORMED', 'this is not an ID token');
  return refuse(
    'E_KEYS_UNAVAILABLE',
    `the public keys of issuer ${quote(issuer.name)} cannot be had now`,
    'ask again in a minute; an admin may pin them with `jwks` in the policy',
  );
}

/** The signature is right here, so what the token says is worth telling: which claim was wanted, and which was given. */
function wrongClaim(claim: string, issuer: Issuer, token: string, now: number): Result<Identity> {
  const payload = decodeJwt(token);
  const again = 'ask from a new job: its token is new';
  const ago = (seconds = 0): string => apart(seconds - now / 1000);
  const skew = 'compare the clocks of the server and of the issuer: they are more than 30 s apart';
  switch (claim) {
    case 'aud':
      return refuse(
        'E_TOKEN_AUDIENCE',
        `the ID token is for ${quote(String(payload.aud))}, wanted is ${quote(issuer.audience)}`,
        `set \`aud: ${issuer.audience}\` in \`id_tokens:\` of the job`,
      );
    case 'exp':
      return refuse('E_TOKEN_EXPIRED', `the ID token expired ${ago(payload.exp)}`, again);
    case 'nbf':
      return refuse('E_TOKEN_NOT_YET', `the ID token begins ${ago(payload.nbf)}: clock skew`, skew);
    case 'iat':
      return Number(payload.iat) > now / 1000
        ? refuse('E_TOKEN_NOT_YET', `the ID token was issued ${ago(payload.iat)}: clock skew`, skew)
        : refuse(
            'E_TOKEN_TOO_OLD',
            `the ID token was issued ${ago(payload.iat)}, ${issuer.maxAgeSeconds} s is the most`,
            again,
          );
    default:
      return refuse('E_TOKEN_CLAIMS', `claim ${quote(claim)} is wrong`);
  }
}

const apart = (seconds: number): string =>
  seconds > 0 ? `${Math.ceil(seconds)} s from now` : `${Math.ceil(-seconds)} s ago`;
