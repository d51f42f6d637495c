/** Speaks to a deploy server on AWS: each question is one invocation of a function, an operation by its name. */
import { isCreated, isDoorAnswer, isLogs, isRun, isRunList } from './answer.ts';
import { done, fail, type Outcome } from './failure.ts';
import type { FunctionAddress } from './function-address.ts';
import { functionInvoker, type Invoke } from './invoke.ts';
import { readAnswer } from './read-answer.ts';
import type { Connection, Transport } from './transport.ts';

/** A function that has not run for a while takes some seconds longer. */
const answerMs = 20_000;

interface Credential {
  readonly idToken?: string;
  readonly runKey?: string;
}

/**
 * `token` is an ID token for `create`, and the key of a run for all that is about it. The function of auditors takes none:
 * who may invoke it may read.
 */
export const lambdaTransport = (connection: Connection, address: FunctionAddress): Transport =>
  transport(connection, functionInvoker(connection.server, address));

function transport({ server, token, signal }: Connection, invoke: Invoke): Transport {
  async function ask<T>(
    operation: string,
    request: object,
    isExpected: (body: unknown) => body is T,
    credential: Credential,
    timeoutMs = answerMs,
  ): Promise<Outcome<T>> {
    const event = { operation, request: JSON.stringify(request), ...credential };
    const patience = { timeoutMs: Math.min(timeoutMs, answerMs), ...(signal ? { signal } : {}) };
    const answer = await invoke(event, patience);
    if (!answer.ok) return answer;
    const { value } = answer;
    return readAnswer({ server, fix: doorFix, ...(isDoorAnswer(value) ? value : { body: undefined }) }, isExpected);
  }

  const idToken = token === undefined ? {} : { idToken: token };
  const runKey = token === undefined ? {} : { runKey: token };
  return {
    create: body => ask('createRun', body, isCreated, idToken),
    run: id => ask('getRun', { id }, isRun, runKey),
    logs: (id, cursor, timeoutMs) =>
      ask('getLogs', { id, ...(cursor === undefined ? {} : { cursor }) }, isLogs, runKey, timeoutMs),
    cancel: async id =>
      token === undefined
        ? fail('E_USAGE', 'on AWS a run is canceled by its key', keyFix)
        : await ask('cancelRun', { id }, isRun, runKey),
    withKey: key => transport({ server, token: key }, invoke),
    list: async query => {
      const listed = await ask('listRuns', query, isRunList, {});
      return listed.ok ? done(listed.value.runs) : listed;
    },
  };
}

const doorFix = 'see whether it is the function of the deploy door, or for  runs list  of the audit door';
const keyFix = 'give  --run-file FILE, which the command that started it has written';
