/** Lambda's Runtime API for one environment: hands events out one by one, and keeps what is answered. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export interface Answered {
  readonly kind: 'response' | 'error' | 'init/error';
  readonly body: unknown;
}

export interface RuntimeApi {
  /** What `AWS_LAMBDA_RUNTIME_API` says. */
  readonly address: string;
  /** Resolves with what the runtime answers to this event. */
  readonly invoke: (event: string, how?: { timeoutMs?: number; tenant?: string }) => Promise<Answered>;
  /** Resolves when the runtime says that it cannot begin. */
  readonly initError: Promise<Answered>;
  readonly stop: () => void;
}

interface Waiting {
  readonly id: string;
  readonly event: string;
  readonly headers: Record<string, string>;
}

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const events: Waiting[] = [];
  const askers: ServerResponse[] = [];
  const asked = new Map<string, (answer: Answered) => void>();
  const init = Promise.withResolvers<Answered>();

  const hand = () => {
    const [event, asker] = [events[0], askers[0]];
    if (event === undefined || asker === undefined) return;
    events.shift();
    askers.shift();
    asker.writeHead(200, { 'lambda-runtime-aws-request-id': event.id, ...event.headers }).end(event.event);
  };
  const server = createServer(async (request, response) => {
    const [, id = '', kind = ''] =
      /^\/2018-06-01\/runtime\/(?:invocation\/)?(?:([0-9a-f-]{36})\/)?(.+)$/.exec(request.url ?? '') ?? [];
    if (request.method === 'GET' && kind === 'next') {
      askers.push(response);
      return hand();
    }
    if (request.method !== 'POST') return response.writeHead(404).end();
    const answer = { kind: kind as Answered['kind'], body: await json(request) };
    if (kind === 'init/error') init.resolve(answer);
    asked.get(id)?.(answer);
    // Twice answered is not allowed.
    response.writeHead(asked.delete(id) || kind === 'init/error' ? 202 : 400).end('{"status":"OK"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    invoke: (event, { timeoutMs = 60_000, tenant } = {}) => {
      const id = randomUUID();
      const { promise, resolve } = Promise.withResolvers<Answered>();
      asked.set(id, resolve);
      const deadline = { 'lambda-runtime-deadline-ms': String(Date.now() + timeoutMs) };
      events.push({ id, event, headers: { ...deadline, ...(tenant && { 'lambda-runtime-aws-tenant-id': tenant }) } });
      hand();
      return promise;
    },
    initError: init.promise,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
