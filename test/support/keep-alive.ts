/** Sends many bodies over a few connections that stay open: what a test of very many requests can afford. */
import { Agent, request } from 'node:http';

export interface KeptAnswer {
  readonly status: number;
  readonly text: string;
}

export interface KeptConnections {
  readonly post: (path: string, body: Uint8Array) => Promise<KeptAnswer>;
  readonly close: () => void;
}

export function keepAlive(url: string, token: string, connections: number): KeptConnections {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port } = new URL(url);
  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const headers = {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': body.length,
        };
        const sent = request({ agent, hostname, port, path, method: 'POST', headers }, answer => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', part => {
            text += part;
          });
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
          answer.on('error', reject);
        });
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}
