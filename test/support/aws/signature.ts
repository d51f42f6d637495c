/**
 * Checks Signature Version 4, as header or presigned URL, by the steps that AWS documents and with secrets that the front issued.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { CommonFailure } from './failure.ts';
import type { Session } from './sessions.ts';
import { type AwsRequest, queryValue } from './wire.ts';

export type Checked =
  | { readonly signed: true; readonly session: Session; readonly service: string; readonly region: string }
  | { readonly signed: false; readonly failure: CommonFailure; readonly message: string };

/** Signatures are good for this long, either way. */
const skewMs = 15 * 60_000;

export function checkSignature(
  request: AwsRequest,
  find: (accessKeyId: string) => Session | undefined,
  now = new Date(),
): Checked {
  const signature = fromHeader(request) ?? fromQuery(request);
  if (!signature) return refused('unsigned', 'Request is missing Authentication Token');
  const { accessKeyId, scope, signedHeaders, date, payload } = signature;
  const [day, region, service, end, ...more] = scope;
  if (end !== 'aws4_request' || more.length > 0 || !date.startsWith(`${day}T`) || !region || !service) {
    return refused('signature', 'Credential should be scoped correctly');
  }
  const session = find(accessKeyId);
  // A token of another session must not vouch for this key.
  if (!session || signature.token !== session.credentials.sessionToken) {
    return refused('unknown key', 'The security token included in the request is invalid');
  }
  if (session.credentials.expiration <= now) {
    return refused('expired', 'The security token included in the request is expired');
  }
  const age = now.getTime() - parseDate(date);
  if (!(age > -skewMs && age < (signature.expiresMs ?? skewMs))) {
    return signature.expiresMs === undefined
      ? refused('late', `Signature expired: ${date}`)
      : refused('denied', 'Request has expired');
  }
  const unsigned = Object.keys(request.headers).find(name => mustBeSigned(name) && !signedHeaders.includes(name));
  if (unsigned !== undefined) {
    return refused('denied', `There were headers present in the request which were not signed: ${unsigned}`);
  }
  const canonical = [
    request.method,
    canonicalPath(request.path, service),
    canonicalQuery(request),
    ...signedHeaders.map(name => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    payload,
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${session.credentials.secretAccessKey}`,
  );
  if (!equal(hmac(key, text).toString('hex'), signature.value)) {
    return refused('signature', 'The request signature we calculated does not match the signature you provided');
  }
  // UNSIGNED-PAYLOAD says itself that the body is anybody's; what is neither that nor a hash is chunked signing.
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(request.body)) {
    return refused('payload', 'The provided hash does not match what was computed');
  }
  return { signed: true, session, service, region };
}

const refused = (failure: CommonFailure, message: string): Checked => ({ signed: false, failure, message });

const mustBeSigned = (header: string) => header === 'host' || header.startsWith('x-amz-');

interface Signature {
  readonly accessKeyId: string;
  /** Day, region, service, `aws4_request`. */
  readonly scope: readonly string[];
  readonly signedHeaders: readonly string[];
  readonly value: string;
  readonly date: string;
  readonly token: string | undefined;
  /** What the signature says of the body. */
  readonly payload: string;
  /** Of presigned URLs: at most seven days, from the date on. */
  readonly expiresMs?: number;
}

function fromHeader({ headers, body }: AwsRequest): Signature | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    );
  if (!match) return undefined;
  const [, accessKeyId = '', scope = '', signed = '', value = ''] = match;
  return {
    accessKeyId,
    scope: scope.split('/'),
    signedHeaders: signed.split(';'),
    value,
    date: headers['x-amz-date'] ?? '',
    token: headers['x-amz-security-token'],
    payload: headers['x-amz-content-sha256'] ?? sha256(body),
  };
}

function fromQuery(request: AwsRequest): Signature | undefined {
  if (queryValue(request, 'X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return undefined;
  const value = (name: string) => queryValue(request, `X-Amz-${name}`) ?? '';
  const [accessKeyId = '', ...scope] = value('Credential').split('/');
  const seconds = Number(value('Expires'));
  return {
    accessKeyId,
    scope,
    signedHeaders: value('SignedHeaders').split(';'),
    value: value('Signature'),
    date: value('Date'),
    token: queryValue(request, 'X-Amz-Security-Token'),
    payload: 'UNSIGNED-PAYLOAD',
    expiresMs: seconds > 0 && seconds <= 604_800 ? seconds * 1000 : 0,
  };
}

/** `20260102T030405Z`, as milliseconds. */
const parseDate = (date: string): number =>
  Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));

/** S3 takes the path as it was sent, every other service encodes it once more. */
const canonicalPath = (path: string, service: string): string =>
  path
    .split('/')
    .map(segment => encode(service === 's3' ? decodeURIComponent(segment) : segment))
    .join('/');

const canonicalQuery = ({ query }: AwsRequest): string =>
  query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, b], [c, d]) => (a === c ? order(b, d) : order(a, c)))
    .map(pair => pair.join('='))
    .join('&');

const order = (a: string, b: string) => (a < b ? -1 : Number(a > b));

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const equal = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
