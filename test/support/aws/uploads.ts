/** What S3 refuses and moto takes: a body that is not what its checksum says, and a locked object's lock made shorter. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { failed } from './failure.ts';
import type { AwsRequest, AwsResponse } from './wire.ts';

/**
 * Undefined when nothing is wrong. `locked` are the headers that S3 shows the object with, where its lock is written.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 */
export function refusedUpload(
  request: AwsRequest,
  action: string,
  locked: AwsResponse['headers'],
): AwsResponse | undefined {
  for (const [algorithm, checksum] of Object.entries(checksums)) {
    const sum = request.headers[`x-amz-checksum-${algorithm}`];
    if (sum === undefined || sum === checksum(request.body)) continue;
    return failed(request, 400, 'BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  if (action !== 's3:PutObjectRetention' || locked['x-amz-object-lock-mode'] !== 'COMPLIANCE') return undefined;
  const [, mode] = /<Mode>([^<]+)/.exec(request.body.toString()) ?? [];
  const [, until = ''] = /<RetainUntilDate>([^<]+)/.exec(request.body.toString()) ?? [];
  const longer = Date.parse(until) >= Date.parse(locked['x-amz-object-lock-retain-until-date'] ?? '');
  return mode === 'COMPLIANCE' && longer
    ? undefined
    : failed(request, 403, 'AccessDenied', 'Access Denied because object protected by object lock.');
}

const checksums: Readonly<Record<string, (body: Buffer) => string>> = {
  crc32(body) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc32(body));
    return bytes.toString('base64');
  },
  sha256: body => createHash('sha256').update(body).digest('base64'),
};

/** S3 takes headers of a presigned URL from its query as well, where SDKs put most of them. */
export function withHeadersOfUrl(request: AwsRequest): AwsRequest {
  const isHeader = ([name]: readonly [string, string]) => name.startsWith('x-amz-');
  return {
    ...request,
    query: request.query.filter(pair => !isHeader(pair)),
    headers: { ...request.headers, ...Object.fromEntries(request.query.filter(isHeader)) },
  };
}
