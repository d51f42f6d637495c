/** An entry below `issuers:` as it is written: whose tokens, for whom, and where the keys are. */
import { type Static, Type } from 'typebox';
import { kindNames } from './kinds.ts';

const closed = { additionalProperties: false } as const;

const httpsUrl = '^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$';
/** Plain http only to this machine: whoever can change what is fetched decides who is believed. */
const keysUrl = `${httpsUrl}|^http://(127\\.0\\.0\\.1|localhost)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$`;

const base64url = (description: string) => Type.String({ pattern: '^[A-Za-z0-9_-]+$', description });

/** Closed: a private key has more in it, and that must not be in a policy. */
const KeySchema = Type.Object(
  {
    kty: Type.Literal('RSA', { description: 'RSA' }),
    kid: Type.String({ minLength: 1, maxLength: 255, description: 'the name that tokens call it by' }),
    n: base64url('the modulus'),
    e: base64url('the exponent'),
    use: Type.Optional(Type.Literal('sig', { description: 'sig' })),
    alg: Type.Optional(Type.Literal('RS256', { description: 'RS256' })),
  },
  { ...closed, description: 'a public RSA key: kty, kid, n, e, use and alg as the issuer publishes them' },
);

const IssuerObject = Type.Object(
  {
    kind: Type.Enum([...kindNames], { description: 'gitlab or github: how its claims are read' }),
    issuer: Type.String({ pattern: keysUrl, description: 'the `iss` of its tokens, letter by letter' }),
    audience: Type.String({ minLength: 1, maxLength: 255, description: 'the `aud` that tokens for this server have' }),
    jwks_url: Type.Optional(Type.String({ pattern: keysUrl, description: 'where its public keys are' })),
    jwks: Type.Optional(
      Type.Object(
        { keys: Type.Array(KeySchema, { minItems: 1, maxItems: 20, description: 'a list of public keys' }) },
        { ...closed, description: 'its public keys, pinned: nothing is fetched' },
      ),
    ),
    max_age_seconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 86400,
        description: 'how old a token may be that asks; 3600 when left out',
      }),
    ),
  },
  { ...closed, description: 'kind, issuer, audience, and `jwks_url` or `jwks`' },
);
export type IssuerBody = Static<typeof IssuerObject>;

export const IssuerSchema = Type.Refine(
  IssuerObject,
  ({ jwks, jwks_url }) => (jwks === undefined) !== (jwks_url === undefined),
  () => 'must have either `jwks_url` or `jwks`; fix: keep one of them',
);
