/** Stands for a service of AWS where a test wants to say itself what it answers to the real client. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Answered {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | string | Buffer;
}

export interface AwsStub {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** From now on; what is undefined is never answered. */
  answer(how: (asked: Asked) => Answered | undefined): void;
}

/** Ends with the file that it is for. */
export async function startAwsStub(): Promise<AwsStub> {
  const asked: Asked[] = [];
  let answer: (one: Asked) => Answered | undefined = () => ({ status: 500 });
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    const one = { method, path, headers, body: await buffer(request) };
    asked.push(one);
    const given = answer(one);
    if (given === undefined) return;
    const { status = 200, headers: more = {}, body = '' } = given;
    const isText = typeof body === 'string' || Buffer.isBuffer(body);
    response.writeHead(status, more).end(isText ? body : JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: how => {
      answer = how;
    },
  };
}

/** The environment that AWS's clients take their endpoint and their credentials from. */
export function useStub({ url }: AwsStub, service: 'LAMBDA' | 'SECRETS_MANAGER'): void {
  process.env[`AWS_ENDPOINT_URL_${service}`] = url;
  process.env.AWS_ACCESS_KEY_ID = 'AKIDOFTHEWORKER';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret-of-the-worker';
  process.env.AWS_CONFIG_FILE = '/dev/null';
  process.env.AWS_SHARED_CREDENTIALS_FILE = '/dev/null';
}

/** What no two sessions share. */
export const session = (name: string, expiresAt = new Date(Date.now() + 3_600_000)) => ({
  accessKeyId: `ASIA${name}`,
  secretAccessKey: `secret-of-the-session-${name}`,
  sessionToken: `token-of-the-session-${name}`,
  expiresAt: expiresAt.toISOString(),
});

export const secretArn = (name: string): string =>
  `arn:aws:secretsmanager:eu-west-1:111111111111:secret:${name}-AbCdEf`;

/** A stub of Secrets Manager that holds these, by ARN. */
export async function startSecrets(values: Readonly<Record<string, string | Buffer>>): Promise<AwsStub> {
  const stub = await startAwsStub();
  useStub(stub, 'SECRETS_MANAGER');
  stub.answer(({ body }) => {
    const { SecretId = '' } = JSON.parse(body.toString()) as { SecretId?: string };
    const value = values[SecretId];
    if (value === undefined) return awsError('ResourceNotFoundException');
    return {
      body: typeof value === 'string' ? { SecretString: value } : { SecretBinary: value.toString('base64') },
    };
  });
  return stub;
}

export const awsError = (name: string, status = 400): Answered => ({
  status,
  headers: { 'x-amzn-errortype': name, 'content-type': 'application/x-amz-json-1.1' },
  body: { __type: name, message: `words of AWS about ${name}` },
});
