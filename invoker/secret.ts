/** Secrets of the control plane: random ids and tickets, what is kept of them, and keys derived from one root key. */
import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { isMacOf } from '../policies/mac.ts';

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** `r_` and 128 random bits, in base32 without padding. */
export function newRunId(bytes: Uint8Array = randomBytes(16)): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  let id = 'r_';
  for (let at = 0; at < bits.length; at += 5) id += base32[Number.parseInt(bits.slice(at, at + 5).padEnd(5, '0'), 2)];
  return id;
}

/** 256 random bits for a bearer to show. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/**
 * A worker's token. INVARIANT: the same claim, told again, makes the same one, so that none has to be kept; without the
 * nonce, which only the worker that claimed knows, its ticket makes none.
 */
export const tokenOf = (runId: string, ticket: string, nonce: string): string =>
  `${runId}.${createHmac('sha256', ticket).update(nonce).digest('base64url')}`;

/** Names one request in its answer, the log and the audit trail. */
export const newRequestId = (): string => newSecret().slice(0, 22);

/** What is stored of a secret. A plain digest is enough: secrets are random, not chosen by people. */
export const digestOf = (secret: string | Uint8Array): string => createHash('sha256').update(secret).digest('hex');

export const sameSecret = (a: string, b: string): boolean =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());

/** What the doors make and check with keys that no worker and no reader holds, wherever those keys are. */
export interface Seals {
  /** The key of a run for its caller: derived, so that an answer that got lost can be given again. */
  readonly runKey: (runId: string) => Promise<string>;
  /** Whether this is the code that the ledger made of a receipt. */
  readonly isReceiptMac: (mac: string, text: string) => Promise<boolean>;
}

/** The keys of an installation on one machine. */
export interface Keys extends Seals {
  readonly audit: Uint8Array;
  readonly receipt: Uint8Array;
  readonly plan: Uint8Array;
  readonly grant: Uint8Array;
}

export function deriveKeys(root: Uint8Array): Keys {
  const derive = (purpose: string) => new Uint8Array(hkdfSync('sha256', root, '', `infra-deployer ${purpose}`, 32));
  const runKeys = derive('run key');
  const receipt = derive('receipt');
  return {
    audit: derive('audit'),
    receipt,
    plan: derive('plan'),
    grant: derive('grant'),
    runKey: async runId => `k_${createHmac('sha256', runKeys).update(runId).digest('base64url')}`,
    isReceiptMac: async (mac, text) => isMacOf(mac, text, receipt),
  };
}
