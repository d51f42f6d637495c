/** A request to AWS as it came over the wire. */
import type { IncomingMessage } from 'node:http';

export interface AwsRequest {
  readonly method: string;
  /** As it was sent: percent-encoded, without the query. */
  readonly path: string;
  /** Decoded, in the order sent. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The protocols differ in how they name an operation and how they say that something is wrong. */
export type Protocol = 'json' | 'query' | 'rest-json' | 'rest-xml';

export function protocolOf(request: AwsRequest): Protocol {
  if (request.headers['x-amz-target'] !== undefined) return 'json';
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return 'query';
  return request.path.startsWith('/2015-03-31/functions/') ? 'rest-json' : 'rest-xml';
}

/** Throws at a path or query that is not properly encoded. */
export async function readRequest(message: IncomingMessage): Promise<AwsRequest> {
  const [path = '/', query = ''] = (message.url ?? '/').split(/\?(.*)/s);
  decodeURIComponent(path);
  return {
    method: message.method ?? 'GET',
    path,
    query: query.split('&').filter(Boolean).map(pair),
    headers: Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)])),
    body: await readBody(message),
  };
}

export const queryValue = (request: AwsRequest, name: string): string | undefined =>
  request.query.find(([given]) => given === name)?.[1];

export async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function pair(text: string): readonly [string, string] {
  const [name = '', value = ''] = text.split(/=(.*)/s);
  return [decodeURIComponent(name), decodeURIComponent(value)];
}

export interface AwsResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** An answer of the JSON protocols. */
export const jsonResponse = (status: number, body: unknown, headers: Record<string, string> = {}): AwsResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1', ...headers },
  body: JSON.stringify(body),
});
