/** A small real HTTP server that speaks the contract as a test tells it to, and remembers what it was asked. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logs, Run } from '../../policies/contract/run.ts';
import { aRun, runId } from './run-fixture.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export interface Script {
  /** Gets the attempt, counted from 0; `undefined` cuts the connection. */
  readonly create?: (attempt: number) => Reply | undefined;
  /** The page of each poll, by its cursor; the last one is given again and again. */
  readonly pages?: readonly Page[];
  /** The page once the run was canceled. */
  readonly canceled?: Page;
  readonly list?: readonly Run[];
}

export interface Page {
  readonly run: Run;
  readonly lines?: Logs['lines'];
}

export interface ScriptedServer {
  readonly url: string;
  readonly asked: Asked[];
  count: (method: string, path: RegExp) => number;
  stop: () => Promise<void>;
}

export const key = 'run-key-of-this-run';

export const refusal = (status: number, code: string, message: string, rest: object = {}): Reply => ({
  status,
  body: { error: { code, message, requestId: 'req-1', ...rest } },
});

/** What the script answers; `asked` is what was asked so far, this question included. */
export function scriptedDoor(script: Script, asked: readonly Asked[]) {
  const { create = () => ({ status: 202, body: { run: aRun(), runKey: key } }), pages = [], list = [] } = script;
  let isCanceled = false;

  const logs = (cursor: number): Reply => {
    const at = isCanceled && script.canceled ? pages.length : Math.min(cursor, pages.length - 1);
    const page = isCanceled && script.canceled ? script.canceled : pages[at];
    if (!page) return refusal(500, 'E_INTERNAL', 'the server failed');
    const { run, lines = [] } = page;
    const end = run.endedAt === undefined ? {} : { end: { state: run.state, exitCode: run.exitCode ?? 1 } };
    return { status: 200, body: { lines: cursor > at ? [] : lines, cursor: String(at + 1), pollMs: 20, run, ...end } };
  };
  return (method: string, path: string): Reply | undefined => {
    const url = new URL(path, 'http://x');
    if (method === 'POST' && path === '/v1/runs') return create(countOf(asked, 'POST', /^\/v1\/runs$/) - 1);
    if (method === 'GET' && url.pathname === '/v1/runs') return { status: 200, body: { runs: list } };
    if (url.pathname === `/v1/runs/${runId}/logs`) return logs(Number(url.searchParams.get('cursor') ?? 0));
    if (url.pathname === `/v1/runs/${runId}/cancel`) {
      isCanceled = true;
      return { status: 202, body: pages[0]?.run ?? aRun() };
    }
    if (url.pathname === `/v1/runs/${runId}`) return { status: 200, body: pages.at(-1)?.run ?? aRun() };
    return refusal(404, 'E_NOT_FOUND', 'there is no such run');
  };
}

export async function scriptedServer(script: Script = {}): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  const answer = scriptedDoor(script, asked);
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    const token = request.headers.authorization?.replace('Bearer ', '');
    asked.push({ method, path: url, token, body: await textOf(request) });
    const reply = answer(method, url);
    if (!reply) return void request.socket.destroy();
    const isText = typeof reply.body === 'string';
    response.writeHead(reply.status, { 'content-type': isText ? 'text/html' : 'application/json' });
    response.end(isText ? reply.body : JSON.stringify(reply.body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    count: (method, path) => countOf(asked, method, path),
    stop: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

const countOf = (asked: readonly Asked[], method: string, path: RegExp) =>
  asked.filter(one => one.method === method && path.test(one.path)).length;

export async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
