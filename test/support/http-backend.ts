/** A Terraform `http` state backend on loopback: one state and one lock per path, in memory, every request on record. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface HttpBackend {
  readonly url: string;
  /** What was asked, in order, e.g. `LOCK /prod/vpc 200`. */
  readonly requests: readonly string[];
  /** The state stored under a path, e.g. `/prod/vpc`, as text. */
  state(path: string): string | undefined;
  stop(): Promise<void>;
}

interface Stored {
  states: Map<string, string>;
  /** The lock's description as Terraform sent it. */
  locks: Map<string, string>;
}

/** With `user` and `password` every request must carry them. */
export function startHttpBackend(auth?: { user: string; password: string }): Promise<HttpBackend> {
  const stored: Stored = { states: new Map(), locks: new Map() };
  const requests: string[] = [];
  const expected = auth && `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`;
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://backend');
    const body = await text(request);
    const [status, answer] =
      expected && request.headers.authorization !== expected
        ? [401, '']
        : reply(stored, request.method ?? '', pathname, body, searchParams.get('ID'));
    requests.push(`${request.method} ${pathname} ${status}`);
    send(response, status, answer);
  });
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      resolve({
        url: `http://127.0.0.1:${port}`,
        requests,
        state: path => stored.states.get(path),
        stop: () =>
          new Promise(done => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}

/** https://developer.hashicorp.com/terraform/language/backend/http: 423 carries the holder's lock. */
function reply({ states, locks }: Stored, method: string, path: string, body: string, id: string | null): Reply {
  const lock = locks.get(path);
  if (method === 'LOCK') {
    if (lock !== undefined) return [423, lock];
    locks.set(path, body);
    return [200, ''];
  }
  if (method === 'UNLOCK') {
    // `force-unlock` sends no body, and means whatever lock there is.
    if (lock !== undefined && body !== '' && lockId(body) !== lockId(lock)) return [423, lock];
    locks.delete(path);
    return [200, ''];
  }
  if (method === 'GET') {
    const state = states.get(path);
    return state === undefined ? [404, ''] : [200, state];
  }
  if (method !== 'POST' && method !== 'DELETE') return [405, ''];
  if (lock !== undefined && id !== lockId(lock)) return [423, lock];
  if (method === 'POST') states.set(path, body);
  else states.delete(path);
  return [200, ''];
}

type Reply = readonly [status: number, body: string];

const lockId = (lock: string) => (JSON.parse(lock) as { ID: string }).ID;

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}
