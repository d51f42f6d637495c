import { S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { s3ProviderCache } from '../../../invoker/aws/s3-provider-cache.ts';

const client = new S3Client({
  region: 'eu-west-1',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
});
const grant = s3ProviderCache({ client, bucket: 'kept', now: () => Date.parse('2026-01-01T00:00:00Z') });
const key = { lockDigest: 'a'.repeat(64), platform: 'linux_arm64' as const };
const path = `/provider-cache/linux_arm64/${'a'.repeat(64)}`;

test('grants the one archive of a lock file and platform', async () => {
  const { download = '', upload } = await grant(key);
  expect(new URL(download)).toMatchObject({ host: 'kept.s3.eu-west-1.amazonaws.com', pathname: path });
  expect(upload).toBeUndefined();
});

test('grants to make it, bound to size and checksum, and never to replace it', async () => {
  const { download, upload = '' } = await grant({ ...key, upload: { digest: 'b'.repeat(64), size: 5 } });
  const { pathname, searchParams } = new URL(upload);
  expect(pathname).toBe(path);
  expect(searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host;if-none-match;x-amz-checksum-sha256');
  expect(Number(searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(120);
  expect(download).toBeUndefined();
});
