/** Reads one secret from the place that the policy names: Secrets Manager, with a session for it, or a file of this machine. */

import { readFile } from 'node:fs/promises';
import type { GetSecretValueCommandOutput } from '@aws-sdk/client-secrets-manager';
import type { ErrorCode } from '../policies/contract/error.ts';
import type { Session } from '../policies/contract/worker.ts';
import { secretsClient } from './aws-clients.ts';
import { Failure } from './failure.ts';

/** How a failure names what cannot be read, and what is done about it where nothing better is known. */
export interface SecretWords {
  readonly code: ErrorCode;
  readonly what: string;
  readonly fix: string;
}

/** As text. Throws a `Failure` that says nothing of what it has read, nor where on this machine it lies. */
export async function readSecret(place: string, session: Session | undefined, words: SecretWords): Promise<string> {
  if (place.startsWith('file:')) return readSecretFile(place.slice('file:'.length), words);
  const { code, what, fix } = words;
  const [, region, name] = secretArn.exec(place) ?? [];
  if (region === undefined || name === undefined) throw new Failure(code, `the policy names no place for ${what}`, fix);
  if (session === undefined)
    throw new Failure(
      code,
      `${what} is a secret of AWS, and this worker has no session that reads it`,
      `${fix}: on one machine a file, \`file:/path\``,
    );
  const { SecretString, SecretBinary } = await fetchSecret(place, region, session).catch(error => {
    const { why, fix: better } = reasonOf(error);
    throw new Failure(code, `${what} cannot be read from the secret \`${name}\`: ${why}`, better ?? fix);
  });
  // Bytes are the UTF-8 that they are.
  return SecretString ?? new TextDecoder().decode(SecretBinary);
}

const secretArn = /^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):[0-9]{12}:secret:(.+)$/;

async function readSecretFile(file: string, { code, what, fix }: SecretWords): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(code, `${what} cannot be read: ${(error as NodeJS.ErrnoException).code}`, fix);
  }
}

async function fetchSecret(arn: string, region: string, session: Session): Promise<GetSecretValueCommandOutput> {
  const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
  const client = await secretsClient(region, session);
  try {
    return await client.send(new GetSecretValueCommand({ SecretId: arn }));
  } finally {
    client.destroy();
  }
}

interface Reason {
  readonly why: string;
  readonly fix?: string;
}

function reasonOf({ name, code = name }: NodeJS.ErrnoException): Reason {
  const known = Object.entries(reasons).find(([one]) => one === name);
  return known?.[1] ?? { why: code, fix: 'ask again; if it stays, have an admin look for the name of this error' };
}

/** GetSecretValue, API reference: errors. */
const reasons: Readonly<Record<string, Reason>> = {
  AccessDeniedException: {
    why: 'AWS does not allow it',
    fix: 'have an admin allow the run role secretsmanager:GetSecretValue on it, and kms:Decrypt with a key of its own',
  },
  ResourceNotFoundException: { why: 'there is none', fix: 'have an admin correct the ARN in the policy' },
  InvalidRequestException: { why: 'it is to be deleted', fix: 'have an admin restore it, or name another one' },
  DecryptionFailure: { why: 'its KMS key does not decrypt it', fix: 'have an admin look at the key of the secret' },
  ExpiredTokenException: { why: 'the session has expired', fix: 'ask again; if it stays, the source takes too long' },
};
