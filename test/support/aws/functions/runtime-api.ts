/**
 * The Runtime API of one execution environment: hands it one invocation at a time and takes its answers.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { createServer, type ServerResponse } from 'node:http';
import { readBody } from '../wire.ts';

export interface Invocation {
  readonly requestId: string;
  readonly functionArn: string;
  readonly payload: Buffer;
  readonly deadlineMs: number;
  readonly clientContext?: string;
  readonly tenant?: string;
}

/** What the function answered, or how it failed. */
export interface Outcome {
  readonly payload: Buffer;
  readonly functionError?: 'Unhandled';
}

export interface RuntimeApi {
  /** `host:port`, for `AWS_LAMBDA_RUNTIME_API`. */
  readonly address: string;
  /** Resolves with the answer once the environment asks for the next invocation: only then this one is over. */
  invoke(invocation: Invocation): Promise<Outcome>;
  /** What it has answered to an invocation that is not over. */
  posted(): Outcome | undefined;
  close(): void;
}

/** `onInitError` is told when the environment says that it cannot start. */
export function startRuntimeApi(onInitError: (error: Buffer) => void): Promise<RuntimeApi> {
  let asking: ServerResponse | undefined;
  let waiting: Invocation | undefined;
  let current: { requestId: string; settle: (outcome: Outcome) => void; outcome?: Outcome } | undefined;

  const hand = () => {
    if (!asking || !waiting) return;
    const { requestId, functionArn, payload, deadlineMs, clientContext, tenant } = waiting;
    asking.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': requestId,
      'lambda-runtime-deadline-ms': String(deadlineMs),
      'lambda-runtime-invoked-function-arn': functionArn,
      'lambda-runtime-trace-id': 'Root=1-00000000-000000000000000000000000;Sampled=0',
      ...(clientContext !== undefined && { 'lambda-runtime-client-context': clientContext }),
      ...(tenant !== undefined && { 'lambda-runtime-aws-tenant-id': tenant }),
    });
    asking.end(payload);
    asking = undefined;
    waiting = undefined;
  };

  const server = createServer(async (request, response) => {
    const [, what = ''] = /^\/2018-06-01\/runtime\/(.+)$/.exec(request.url ?? '') ?? [];
    if (request.method === 'GET' && what === 'invocation/next') {
      asking = response;
      if (current?.outcome) {
        current.settle(current.outcome);
        current = undefined;
      }
      hand();
      return;
    }
    accept(response, take(request.method ?? '', what, await readBody(request)));
  });

  const take = (method: string, what: string, body: Buffer): boolean => {
    if (method !== 'POST') return false;
    if (what === 'init/error') {
      onInitError(body);
      return true;
    }
    const [, requestId, kind] = /^invocation\/([^/]+)\/(response|error)$/.exec(what) ?? [];
    if (!current || current.outcome || requestId !== current.requestId) return false;
    current.outcome = { payload: body, ...(kind === 'error' && { functionError: 'Unhandled' }) };
    return true;
  };

  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        address: `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
        invoke(invocation) {
          waiting = invocation;
          return new Promise(settle => {
            current = { requestId: invocation.requestId, settle };
            hand();
          });
        },
        posted: () => current?.outcome,
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

function accept(response: ServerResponse, taken: boolean): void {
  response.writeHead(taken ? 202 : 400, { 'content-type': 'application/json' });
  response.end(taken ? '{"status":"OK"}' : '{"errorType":"InvalidRequestID"}');
}
