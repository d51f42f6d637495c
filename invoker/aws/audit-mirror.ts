/** Copies the audit trail into a bucket where nobody can change or delete it (Object Lock), so that a cut end shows. */
import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import type { Ledger } from '../ledger.ts';

export interface AuditMirrorParts {
  readonly client: S3Client;
  readonly bucket: string;
  readonly ledger: Pick<Ledger, 'audit'>;
}

const prefix = 'entries/';
const perObject = 500;
/** Objects that are written in one round; the rest follow in the next. */
const perRound = 20;

/** The last entry that is mirrored: its place, and the beginning of its hash. */
interface Mirrored {
  readonly seq: number;
  readonly hash: string;
}

/**
 * One round: what has come since the newest object. INVARIANT: an object continues one that is there, so everything up to
 * the newest is there too: two rounds at once write some entries twice, one that dies leaves the rest to the next. Throws
 * where the ledger does not have the last entry as it was mirrored: it was put back to an earlier time, or changed.
 */
export function auditMirror({ client, bucket, ledger }: AuditMirrorParts): () => Promise<void> {
  const newest = async (): Promise<Mirrored | undefined> => {
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
    return lastOf(Contents?.[0]?.Key);
  };

  const entriesAfter = async (last: Mirrored | undefined): Promise<readonly AuditEntry[]> => {
    if (last === undefined) return ledger.audit(0, perObject);
    const [same, ...entries] = await ledger.audit(last.seq - 1, perObject + 1);
    if (same?.seq === last.seq && same.hash.startsWith(last.hash)) return entries;
    throw new Error(`the ledger does not have entry ${last.seq} as it was mirrored, so nothing more is`);
  };

  return async () => {
    let after = await newest();
    for (let written = 0; written < perRound; written += 1) {
      const entries = await entriesAfter(after);
      const [first, last] = [entries[0], entries.at(-1)];
      if (first === undefined || last === undefined) return;
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: mirrorKey(first, last),
          Body: entries.map(entry => `${JSON.stringify(entry)}\n`).join(''),
          ContentType: 'application/jsonl',
          // A bucket with Object Lock takes nothing without a checksum.
          ChecksumAlgorithm: 'SHA256',
        }),
      );
      after = last;
    }
  };
}

const digits = 12;
const padded = (number: number): string => `${number}`.padStart(digits, '0');

/** Names are listed in their order: with what is left to the end in front, the newest comes first. */
export const mirrorKey = (first: Pick<Mirrored, 'seq'>, last: Mirrored): string =>
  `${prefix}${padded(10 ** digits - 1 - last.seq)}_${padded(first.seq)}-${padded(last.seq)}_${last.hash.slice(0, 16)}.jsonl`;

function lastOf(key: string | undefined): Mirrored | undefined {
  if (key === undefined) return undefined;
  const [, seq, hash] = /-([0-9]{12})_([0-9a-f]{16})\.jsonl$/.exec(key) ?? [];
  if (seq === undefined || hash === undefined) throw new Error(`${key} is not an object of the audit mirror`);
  return { seq: Number(seq), hash };
}
