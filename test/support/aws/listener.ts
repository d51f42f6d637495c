/** An HTTP server on loopback that reads requests to AWS and writes the answers. */
import { createServer } from 'node:http';
import { type AwsRequest, type AwsResponse, readRequest } from './wire.ts';

export interface Listener {
  readonly url: string;
  stop(): Promise<void>;
}

export function startListener(answer: (request: AwsRequest) => Promise<AwsResponse>): Promise<Listener> {
  const server = createServer(async (message, response) => {
    const { status, headers, body } = await readRequest(message)
      .then(answer)
      .catch((error): AwsResponse => ({ status: 500, headers: {}, body: String(error) }));
    // The length of what a HEAD does not show stands in moto's own header.
    const length = message.method !== 'HEAD' && { 'content-length': String(Buffer.byteLength(body)) };
    response.writeHead(status, { ...headers, ...length });
    response.end(message.method === 'HEAD' ? undefined : body);
  });
  // SDK clients keep connections for later, and a test may be slow between two calls.
  server.keepAliveTimeout = 60_000;
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
        stop: () =>
          new Promise(done => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
