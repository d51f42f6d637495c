/** Signs ID tokens with nothing but node:crypto, rightly and in every wrong way, so that no library checks itself. */
import { createHash, createHmac, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { Claims } from './issuer-claims.ts';

export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicJwk: Readonly<Record<string, string>>;
}

export interface TokenOptions {
  /** When it was made, in ms since 1970; now when left out. */
  readonly at?: number;
  /** Laid over the usual header; what is `undefined` is left out. */
  readonly header?: Claims;
  /** `stranger`: another key under the issuer's `kid`. `public-key`: HS256 with the public key, which everybody has. */
  readonly signature?: 'own' | 'stranger' | 'public-key' | 'none';
  /** The payload's text as it is signed, instead of the claims. */
  readonly payload?: string;
}

const generate = promisify(generateKeyPair);

/** RSA, named by its thumbprint (RFC 7638). */
export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generate('rsa', { modulusLength: 2048 });
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  const kid = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url');
  return { privateKey, publicKey, publicJwk: { kty: 'RSA', kid, e, n, use: 'sig', alg: 'RS256' } };
}

export function tokenOf(
  claims: Claims,
  { header = {}, signature = 'own', payload = JSON.stringify(claims) }: TokenOptions,
  { own, stranger }: { readonly own: SigningKey; readonly stranger: SigningKey },
): string {
  const alg = signature === 'none' ? 'none' : signature === 'public-key' ? 'HS256' : 'RS256';
  const head = { typ: 'JWT', alg, kid: own.publicJwk.kid, ...header };
  const signed = [JSON.stringify(head), payload].map(part => Buffer.from(part).toString('base64url')).join('.');
  return `${signed}.${signatureOf(signed, signature, own, stranger).toString('base64url')}`;
}

function signatureOf(
  signed: string,
  how: NonNullable<TokenOptions['signature']>,
  own: SigningKey,
  stranger: SigningKey,
): Buffer {
  switch (how) {
    case 'none':
      return Buffer.alloc(0);
    case 'public-key':
      return createHmac('sha256', own.publicKey.export({ format: 'pem', type: 'spki' }))
        .update(signed)
        .digest();
    default:
      return sign('sha256', Buffer.from(signed), (how === 'own' ? own : stranger).privateKey);
  }
}
