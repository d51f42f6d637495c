/** Checks a part of the audit trail for whoever may check codes but make none: the chain first, then who wrote it. */
import { type ChainHead, verifyChain } from '../policies/audit-chain.ts';
import type { AuditEntry } from '../policies/contract/audit-entry.ts';

/** Every check is a request to somebody else. */
const atOnce = 16;

/**
 * As `verifyChain`: where the part ends, or the first entry that is not as it was written, and why. `after` is the end of
 * what was checked before. `isAuditMac` says whether the holder of the key has made this code of a hash.
 */
export async function verifyTrail(
  entries: readonly AuditEntry[],
  isAuditMac: (mac: string, hash: string) => Promise<boolean>,
  after?: ChainHead,
): Promise<ReturnType<typeof verifyChain>> {
  const chain = verifyChain(entries, undefined, after);
  const linked = chain.ok ? entries : entries.filter(({ seq }) => seq < chain.seq);
  for (let at = 0; at < linked.length; at += atOnce) {
    const part = linked.slice(at, at + atOnce);
    const genuine = await Promise.all(part.map(({ mac, hash }) => isAuditMac(mac, hash)));
    const forged = part[genuine.indexOf(false)];
    if (forged) return { ok: false, seq: forged.seq, why: 'it was not written by the holder of the key' };
  }
  return chain;
}
