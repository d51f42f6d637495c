/** What S3 refuses and moto takes: a body that is not what its checksum says, and a locked object's lock made shorter. */
import { createHash } from 'node:crypto';
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
  const sum = request.headers['x-amz-checksum-sha256'];
  if (sum !== undefined && sum !== createHash('sha256').update(request.body).digest('base64')) {
    return failed(request, 400, 'BadDigest', 'The SHA256 you specified did not match the calculated checksum.');
  }
  if (action !== 's3:PutObjectRetention' || locked['x-amz-object-lock-mode'] !== 'COMPLIANCE') return undefined;
  const [, mode] = /<Mode>([^<]+)/.exec(request.body.toString()) ?? [];
  const [, until = ''] = /<RetainUntilDate>([^<]+)/.exec(request.body.toString()) ?? [];
  const longer = Date.parse(until) >= Date.parse(locked['x-amz-object-lock-retain-until-date'] ?? '');
  return mode === 'COMPLIANCE' && longer
    ? undefined
    : failed(request, 403, 'AccessDenied', 'Access Denied because object protected by object lock.');
}
