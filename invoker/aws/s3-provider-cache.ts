/** Providers by lock file, in a bucket that only the doors reach: workers get grants for the one archive that is theirs. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { ProviderCache, ProviderCacheGrant } from '../../policies/contract/worker.ts';
import { s3Grants } from './s3-grants.ts';

const grantSeconds = 120;

/** What lies there is never replaced: who comes second has installed the same. The bucket itself removes what is old. */
export function s3ProviderCache(parts: { client: S3Client; bucket: string; now: () => number }) {
  const grants = s3Grants({ ...parts, seconds: grantSeconds });
  return async ({ lockDigest, platform, upload }: ProviderCache): Promise<ProviderCacheGrant> => {
    const key = `provider-cache/${platform}/${lockDigest}`;
    return upload === undefined ? { download: await grants.read(key) } : { upload: await grants.create(key, upload) };
  };
}
