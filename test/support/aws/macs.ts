/**
 * MACs of KMS. moto has them, but chooses the ids of its keys itself; here a key is any that policies let a session use.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { failed } from './failure.ts';
import { type AwsRequest, type AwsResponse, jsonResponse } from './wire.ts';

/** Answers GenerateMac and VerifyMac for these keys, by ARN. */
export function createMacs(keys: readonly string[]): (request: AwsRequest, key: string) => AwsResponse {
  // The same after a restart, as a key of KMS is.
  const secrets = new Map(keys.map(key => [key, `secret of ${key}`]));
  return (request, key) => {
    const input = JSON.parse(request.body.toString()) as { MacAlgorithm?: string; Message?: string; Mac?: string };
    const secret = secrets.get(key);
    if (!secret) return failed(request, 400, 'NotFoundException', `Key '${key}' does not exist`);
    const message = Buffer.from(input.Message ?? '', 'base64');
    if (message.length === 0 || message.length > 4096) return failed(request, 400, 'ValidationException', 'message');
    if (input.MacAlgorithm !== 'HMAC_SHA_256') return failed(request, 400, 'InvalidKeyUsageException', 'macAlgorithm');
    const mac = createHmac('sha256', secret).update(message).digest();
    const answer = { KeyId: key, MacAlgorithm: input.MacAlgorithm };
    if (request.headers['x-amz-target'] === 'TrentService.GenerateMac') {
      return jsonResponse(200, { ...answer, Mac: mac.toString('base64') });
    }
    const given = Buffer.from(input.Mac ?? '', 'base64');
    return given.length === mac.length && timingSafeEqual(given, mac)
      ? jsonResponse(200, { ...answer, MacValid: true })
      : failed(request, 400, 'KMSInvalidMacException', '');
  };
}
