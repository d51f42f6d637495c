/** What S3 refuses and moto takes: a body that is not what its checksum says, and a locked object's lock made shorter. */
import { createHash } from 'node:crypto';
import { failed } from './failure.ts';
import type { AwsRequest, AwsResponse } from './wire.ts';

/**
 * Undefined when nothing is wrong. `retention` is the object's own at the moment, as S3 writes it.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 */
export function refusedUpload(request: AwsRequest, action: string, retention: string): AwsResponse | undefined {
  const sum = request.headers['x-amz-checksum-sha256'];
  if (sum !== undefined && sum !== createHash('sha256').update(request.body).digest('base64')) {
    return failed(request, 400, 'BadDigest', 'The SHA256 you specified did not match the calculated checksum.');
  }
  if (action !== 's3:PutObjectRetention' || modeOf(retention) !== 'COMPLIANCE') return undefined;
  const asked = request.body.toString();
  const shorter = until(asked) < until(retention) || modeOf(asked) !== 'COMPLIANCE';
  return shorter
    ? failed(request, 403, 'AccessDenied', 'Access Denied because object protected by object lock.')
    : undefined;
}

const modeOf = (xml: string): string | undefined => /<Mode>([^<]+)/.exec(xml)?.[1];
const until = (xml: string): number => Date.parse(/<RetainUntilDate>([^<]+)/.exec(xml)?.[1] ?? '') || 0;
