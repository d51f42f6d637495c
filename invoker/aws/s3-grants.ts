/** Grants to write one object of a bucket once, or to read one: presigned urls, good for one key and a short time. */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

export interface S3Grants {
  /**
   * Whoever has the url may create the object and never replace it. With `bound`, only of this size and SHA-256 (hex):
   * the headers `content-length`, `if-none-match: *` and `x-amz-checksum-sha256` are signed, so that S3 refuses others.
   */
  readonly create: (key: string, bound?: { digest: string; size: number }) => Promise<string>;
  readonly read: (key: string) => Promise<string>;
}

export interface S3GrantParts {
  /** Adds no checksum by itself. */
  readonly client: S3Client;
  readonly bucket: string;
  /** How long a grant is good for, in seconds. */
  readonly seconds: number;
  readonly now: () => number;
}

export function s3Grants({ client, bucket, seconds, now }: S3GrantParts): S3Grants {
  const terms = () => ({ expiresIn: seconds, signingDate: new Date(now()) });
  return {
    create: async (key, bound) => {
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        IfNoneMatch: '*',
        ...(bound && {
          ContentLength: bound.size,
          ChecksumSHA256: Buffer.from(bound.digest, 'hex').toString('base64'),
        }),
      });
      const signed = ['if-none-match', ...(bound ? ['content-length', 'x-amz-checksum-sha256'] : [])];
      // As parameters of the url they would say nothing about what is sent.
      return getSignedUrl(client, command, {
        ...terms(),
        signableHeaders: new Set(['host', ...signed]),
        unhoistableHeaders: new Set(signed),
      });
    },
    read: async key => getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: key }), terms()),
  };
}
