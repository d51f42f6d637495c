/** A worker door that only answers what a test tells it to, over real HTTP, and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nobodyInParticular } from '../../policies/contract/identity.ts';
import type { Claimed, LogBatch } from '../../policies/contract/worker.ts';
import { runId } from './parts.ts';

export interface Call {
  readonly operation: string;
  readonly token: string | undefined;
  readonly body: unknown;
  readonly at: number;
}

export interface ScriptedDoor {
  readonly url: string;
  readonly calls: readonly Call[];
  /** The calls of one operation. */
  of(operation: string): readonly Call[];
  /** The lines that have arrived, in the order of their batches. */
  lines(): string[];
  /** From now on this operation is answered so: a body with 200, or a status with a body. */
  answer(operation: string, answer: object, status?: number): void;
  /** Takes calls and never answers them. */
  hang(): void;
  /** As if the server had been killed; `back` starts it on the same port. */
  away(): Promise<void>;
  back(): Promise<void>;
}

const url = 'http://127.0.0.1';

export const claimed = (differences: Partial<Claimed> = {}): Claimed => ({
  token: 'token',
  run: runId,
  command: 'plan',
  mode: 'normal',
  request: { command: 'plan', path: 'prod/vpc', ref: 'refs/heads/main' },
  repoName: 'infra-live',
  policy: {},
  asker: nobodyInParticular,
  leaseMs: 1000,
  heartbeatMs: 200,
  deadlineMs: 60_000,
  graceMs: 10_000,
  ...differences,
});

export async function startScriptedDoor(differences: Partial<Claimed> = {}): Promise<ScriptedDoor> {
  const calls: Call[] = [];
  const answers = new Map<string, { status: number; body: object }>([
    ['claim', { status: 200, body: claimed(differences) }],
    ['source', { status: 200, body: { keepPlan: false } }],
  ]);
  let hangs = false;
  let server: Server | undefined;
  let port = 0;

  const open = async () => {
    server = createServer(async (request, response) => {
      const operation = request.url?.replace('/worker/v1/', '') ?? '';
      const body: unknown = JSON.parse((await text(request)) || '{}');
      if (hangs) return;
      const token = request.headers.authorization?.replace('Bearer ', '');
      calls.push({ operation, token, body, at: Date.now() });
      const { status, body: answer } = answers.get(operation) ?? { status: 200, body: {} };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const of = (operation: string) => calls.filter(call => call.operation === operation);
  await open();
  return {
    url: `${url}:${port}`,
    calls,
    of,
    lines: () => {
      const batches = new Map(of('log').map(({ body }) => [(body as LogBatch).seq, (body as LogBatch).lines]));
      return [...batches].sort(([a], [b]) => a - b).flatMap(([, lines]) => lines.map(line => line.text));
    },
    answer: (operation, body, status = 200) => void answers.set(operation, { status, body }),
    hang: () => {
      hangs = true;
    },
    away: async () => {
      server?.close();
      server?.closeAllConnections();
      if (server?.listening) await once(server, 'close');
    },
    back: open,
  };
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
