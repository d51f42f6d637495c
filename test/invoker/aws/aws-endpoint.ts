/** An endpoint that AWS's own clients talk to over HTTP: a test answers each of their calls by hand. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AwsCall {
  /** The operation of a JSON protocol, or the method and path of a REST one. */
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface AwsAnswer {
  readonly status?: number;
  readonly body?: unknown;
  /** The name of an error, whose `body` is `{message}`. */
  readonly error?: string;
}

export interface AwsEndpoint {
  /** For any client, which asks once only. */
  readonly client: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
    readonly maxAttempts: number;
  };
  readonly calls: readonly AwsCall[];
  readonly close: () => Promise<void>;
}

/** An answer of `undefined` cuts the connection. */
export async function awsEndpoint(answer: (call: AwsCall) => AwsAnswer | undefined): Promise<AwsEndpoint> {
  const calls: AwsCall[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method, url, headers } = request;
    const text = Buffer.concat(chunks).toString();
    const target = headers['x-amz-target'];
    const operation = typeof target === 'string' ? (target.split('.').at(-1) ?? '') : `${method} ${url}`;
    const call = { operation, headers, body: text === '' ? undefined : JSON.parse(text) };
    calls.push(call);
    const answered = answer(call);
    if (answered === undefined) return request.socket.destroy();
    const { status = answered.error === undefined ? 200 : 400, body = {}, error } = answered;
    const named = error === undefined ? {} : { 'x-amzn-errortype': error };
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...named });
    response.end(status === 202 ? '' : JSON.stringify(error === undefined ? body : { __type: error, ...Object(body) }));
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  return {
    client: {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
      maxAttempts: 1,
    },
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise(closed => server.close(closed));
    },
  };
}
