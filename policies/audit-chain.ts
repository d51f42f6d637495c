/** Links audit entries into a chain that cannot be changed, cut or reordered in the middle without it showing. */
import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { AuditEntry, AuditEvent } from './contract/audit-entry.ts';
import { isMacOf, macOf } from './mac.ts';

/** Where a chain ends: what the next entry must continue, and what an anchor outside records to notice a cut end. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

const origin: ChainHead = { seq: 0, hash: '0'.repeat(64) };

export function linkEntry(previous: ChainHead | undefined, at: string, event: AuditEvent, key: Uint8Array): AuditEntry {
  const entry = nextEntry(previous, at, event);
  return { ...entry, mac: macOf(entry.hash, key) };
}

/** The entry that continues the chain, for whoever has `hash` signed elsewhere. */
export function nextEntry(previous: ChainHead | undefined, at: string, event: AuditEvent): Omit<AuditEntry, 'mac'> {
  const { seq, hash: before } = previous ?? origin;
  const entry = { seq: seq + 1, at, event, previous: before };
  return { ...entry, hash: hashOf(entry) };
}

/** Without `key` only the hashes are checked: enough for a reader, who must not be able to write. */
export function verifyChain(
  entries: Iterable<AuditEntry>,
  key?: Uint8Array,
  after: ChainHead = origin,
): ({ readonly ok: true } & ChainHead) | { readonly ok: false; readonly seq: number; readonly why: string } {
  let head = after;
  for (const entry of entries) {
    const why = flaw(entry, head, key);
    if (why !== undefined) return { ok: false, seq: head.seq + 1, why };
    head = entry;
  }
  return { ok: true, seq: head.seq, hash: head.hash };
}

function flaw(entry: AuditEntry, head: ChainHead, key: Uint8Array | undefined): string | undefined {
  if (entry.seq !== head.seq + 1) return `entry ${head.seq + 1} is missing`;
  if (entry.previous !== head.hash) return 'it does not continue the entry before';
  if (entry.hash !== hashOf(entry)) return 'it was changed: its hash does not match';
  if (key !== undefined && !isMacOf(entry.mac, entry.hash, key)) return 'it was not written by the holder of the key';
  return undefined;
}

const hashOf = ({ seq, at, event, previous }: Pick<AuditEntry, 'seq' | 'at' | 'event' | 'previous'>): string =>
  createHash('sha256').update(canonicalJson({ seq, at, event, previous })).digest('hex');
