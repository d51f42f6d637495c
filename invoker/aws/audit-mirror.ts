/** Copies the audit trail into a bucket where nobody can change or delete it (Object Lock), so that a cut end shows. */
import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
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

/**
 * One round: what has come since the newest object. INVARIANT: an object continues one that is there, so everything up to
 * the newest is there too: two rounds at once write some entries twice, one that dies leaves the rest to the next.
 */
export function auditMirror({ client, bucket, ledger }: AuditMirrorParts): () => Promise<void> {
  const newest = async (): Promise<number> => {
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
    return lastOf(Contents?.[0]?.Key);
  };

  return async () => {
    let after = await newest();
    for (let written = 0; written < perRound; written += 1) {
      const entries = await ledger.audit(after, perObject);
      const [first, last] = [entries[0]?.seq, entries.at(-1)?.seq];
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
export const mirrorKey = (first: number, last: number): string =>
  `${prefix}${padded(10 ** digits - 1 - last)}_${padded(first)}-${padded(last)}.jsonl`;

function lastOf(key: string | undefined): number {
  if (key === undefined) return 0;
  const [, last] = /-([0-9]{12})\.jsonl$/.exec(key) ?? [];
  if (last === undefined) throw new Error(`${key} is not an object of the audit mirror`);
  return Number(last);
}
