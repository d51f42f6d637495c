/** Invokes one function of AWS, and waits for what it answers. Whoever imports this loads the SDK. */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { awsFailure, functionFailure } from './aws-failure.ts';
import { formatDuration } from './duration.ts';
import { done, fail, type Outcome } from './failure.ts';
import type { FunctionAddress } from './function-address.ts';
import { parseAnswer } from './read-answer.ts';

export interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** What the function answered: JSON of a stranger, cleaned. */
export type Invoke = (event: object, patience: Patience) => Promise<Outcome<unknown>>;

/** Credentials and region are found by the SDK, as AWS's own tools find them. `server` is how messages call it. */
export function functionInvoker(server: string, address: FunctionAddress): Invoke {
  const { name, alias, region } = address;
  const client = new LambdaClient({
    ...(region === undefined ? {} : { region }),
    // For the requests for credentials too, which no signal reaches: without it they wait for ever.
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true },
  });

  return async (event, { timeoutMs, signal }) => {
    const deadline = AbortSignal.timeout(Math.ceil(timeoutMs));
    const abort = signal ? AbortSignal.any([deadline, signal]) : deadline;
    const command = new InvokeCommand({
      FunctionName: name,
      Qualifier: alias,
      InvocationType: 'RequestResponse',
      Payload: JSON.stringify(event),
    });
    try {
      const { Payload, FunctionError } = await unlessAborted(abort, client.send(command, { abortSignal: abort }));
      const body = parseAnswer(Buffer.from(Payload ?? []).toString());
      return FunctionError === undefined ? done(body) : { ok: false, failure: functionFailure(body, server) };
    } catch (error) {
      if (!deadline.aborted) return { ok: false, failure: awsFailure(error, server, address) };
      const why = `no answer within ${formatDuration(timeoutMs)}`;
      return fail('E_SERVER_AWAY', `the server ${server} does not answer: ${why}`);
    }
  };
}

function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([promise, aborted]);
}
