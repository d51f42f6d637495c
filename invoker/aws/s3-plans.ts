/** Saved plans in a bucket that only the doors reach: workers get grants for one plan. Encrypted by the bucket's own key. */
import { DeleteObjectCommand, HeadObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import type { Plans } from '../ledger.ts';
import { s3Grants } from './s3-grants.ts';

export interface S3PlanParts {
  readonly client: S3Client;
  readonly bucket: string;
  readonly now: () => number;
}

const prefix = 'plans/';
const keyOf = (planId: string): string => `${prefix}${planId}`;
const grantSeconds = 600;

export function s3Plans({ client, bucket, now }: S3PlanParts): Plans {
  const grants = s3Grants({ client, bucket, seconds: grantSeconds, now });
  return {
    grantUpload: async (planId, bound) => grants.create(keyOf(planId), bound),
    grantDownload: async planId => grants.read(keyOf(planId)),
    has: async planId => {
      try {
        await client.send(new HeadObjectCommand({ Bucket: bucket, Key: keyOf(planId) }));
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },
    remove: async planId => {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOf(planId) }));
    },
    list: async () => {
      const ids: string[] = [];
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix }))
        ids.push(...Contents.flatMap(({ Key }) => Key?.slice(prefix.length) ?? []));
      return ids;
    },
  };
}

/** S3 says so only to who may list the bucket; to others it says that they may not look, which is no answer. */
const isMissing = (error: unknown): boolean => (error as { name?: string }).name === 'NotFound';
