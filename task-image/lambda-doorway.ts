/** The way to a worker door that is a function of AWS: every call is one invocation, which is paid for. */
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { DoorAnswer, Doorway } from './doorway.ts';
import { Failure } from './failure.ts';

/** `client` is called once, when the door is asked for the first time. */
export function lambdaDoorway(functionArn: string, client: () => Promise<Pick<LambdaClient, 'send'>>): Doorway {
  let made: ReturnType<typeof client> | undefined;

  return {
    retryMs: 1000,
    flushMs: 500,
    ask: async (operation, body, { timeoutMs, token }) => {
      const { InvokeCommand } = await import('@aws-sdk/client-lambda');
      made ??= client();
      const event = { operation, request: JSON.stringify(body), ...(token === undefined ? {} : { token }) };
      const invoke = new InvokeCommand({
        FunctionName: functionArn,
        InvocationType: 'RequestResponse',
        Payload: new TextEncoder().encode(JSON.stringify(event)),
      });
      try {
        const lambda = await made;
        const { FunctionError, Payload } = await lambda.send(invoke, { abortSignal: AbortSignal.timeout(timeoutMs) });
        // Then it is an error of the function's platform that is in there, not an answer of the door.
        if (FunctionError !== undefined) throw new Error(`the function ended with an error: ${FunctionError}`);
        return answerIn(Payload);
      } catch (error) {
        throw isRefusal(error) ? refused(functionArn, error) : error;
      }
    },
  };
}

function answerIn(payload: Uint8Array | undefined): DoorAnswer {
  const answer = JSON.parse(new TextDecoder().decode(payload)) as Partial<DoorAnswer> | null;
  if (typeof answer?.status !== 'number') throw new Error('this is no answer of a door');
  return { status: answer.status, body: answer.body };
}

interface Refusal {
  readonly name: string;
}

/** A 4xx of Lambda's own, but for those that pass: too many requests, and a function that is just being changed. */
function isRefusal(error: unknown): error is Refusal {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0;
  return status >= 400 && status < 500 && ![408, 409, 429].includes(status);
}

const refused = (functionArn: string, { name }: Refusal): Failure =>
  new Failure(
    'E_WORKER',
    `AWS does not let this worker ask its door: ${name}`,
    `see that the worker's role may call lambda:InvokeFunction on ${functionArn}, and that the alias is there`,
  );
