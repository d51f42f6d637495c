/** What went wrong, in the words and form of the protocol that the client speaks. */
import { type AwsRequest, type AwsResponse, jsonResponse, protocolOf } from './wire.ts';

/** Each protocol has its own code for these; any other code is sent as it is. */
const codes = {
  denied: { json: 'AccessDeniedException', query: 'AccessDenied', s3: 'AccessDenied' },
  unsigned: { json: 'MissingAuthenticationTokenException', query: 'MissingAuthenticationToken', s3: 'AccessDenied' },
  'unknown key': { json: 'UnrecognizedClientException', query: 'InvalidClientTokenId', s3: 'InvalidAccessKeyId' },
  expired: { json: 'ExpiredTokenException', query: 'ExpiredToken', s3: 'ExpiredToken' },
  signature: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', s3: 'SignatureDoesNotMatch' },
  late: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', s3: 'RequestTimeTooSkewed' },
  payload: { json: 'InvalidSignatureException', query: 'SignatureDoesNotMatch', s3: 'XAmzContentSHA256Mismatch' },
} as const;
export type CommonFailure = keyof typeof codes;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; the JSON services answer 400, others 403. */
export function commonFailure(request: AwsRequest, failure: CommonFailure, message: string): AwsResponse {
  const protocol = protocolOf(request);
  const { json, query, s3 } = codes[failure];
  if (protocol === 'json') return failed(request, 400, json, message);
  if (protocol === 'rest-json') return failed(request, 403, json, message);
  if (protocol === 'query') return failed(request, 403, query, message);
  return failed(request, failure === 'expired' || failure === 'payload' ? 400 : 403, s3, message);
}

export function failed(request: AwsRequest, status: number, code: string, message: string): AwsResponse {
  const protocol = protocolOf(request);
  if (protocol === 'json') return jsonResponse(status, { __type: code, message });
  if (protocol === 'rest-json') {
    return jsonResponse(status, { Message: message, Type: 'User' }, { 'x-amzn-errortype': code });
  }
  const error = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`;
  const body =
    protocol === 'query'
      ? `<ErrorResponse><Error><Type>Sender</Type>${error}</Error></ErrorResponse>`
      : `<?xml version="1.0" encoding="UTF-8"?><Error>${error}</Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

export const escapeXml = (text: string): string =>
  text.replace(/[<>&"']/g, character => `&#${character.charCodeAt(0)};`);
