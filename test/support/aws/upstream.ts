/** Sends on to moto what was judged, and asks it what the judge has to know. */
import { request as httpRequest } from 'node:http';
import { type AwsRequest, type AwsResponse, readBody } from './wire.ts';

export interface Upstream {
  /** As service and region say, whatever else the request might look like. */
  send(request: AwsRequest, service: string, region: string): Promise<AwsResponse>;
}

/** Everything belongs to `account`, whoever asks: whose session it is was judged before. */
export const createUpstream = (moto: string, account: string): Upstream => ({
  send(request, service, region) {
    const { hostname, port } = new URL(moto);
    const query = request.query.filter(([name]) => !name.startsWith('X-Amz-'));
    const search = query.map(pair => pair.map(encodeURIComponent).join('=')).join('&');
    const { 'transfer-encoding': _, expect: _expect, connection: _connection, ...headers } = request.headers;
    const scope = `test/20260101/${region}/${service}/aws4_request`;
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        {
          hostname,
          port,
          method: request.method,
          path: `${request.path}${search && `?${search}`}`,
          headers: {
            ...headers,
            host: `${hostname}:${port}`,
            'content-length': String(request.body.length),
            // moto finds the service in it, and has checked nothing.
            authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
            'x-moto-account-id': account,
          },
        },
        response => {
          readBody(response).then(
            body => resolve({ status: response.statusCode ?? 500, headers: plain(response.headers), body }),
            reject,
          );
        },
      );
      sent.on('error', reject);
      sent.end(request.body);
    });
  },
});

const plain = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !['connection', 'transfer-encoding', 'keep-alive'].includes(name))
      .map(([name, value]) => [name, String(value)]),
  );
