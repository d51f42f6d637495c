/**
 * Lambda's Invoke: at once or as an event, with the platform's limits, and failures of events sent on.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { failed } from '../failure.ts';
import type { AwsRequest, AwsResponse } from '../wire.ts';
import type { LambdaFunction } from '../world.ts';
import type { Asked, Invoked, Pool } from './pool.ts';

const synchronousLimit = 6 * 1024 * 1024;
/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const eventLimit = 1024 * 1024;

export interface InvokeOptions {
  readonly functions: Readonly<Record<string, LambdaFunction>>;
  readonly pool: Pool;
  /** Whether the function's own role may tell that destination of a failure. */
  mayTell(role: string, destination: string): boolean;
}

export interface Invoke {
  answer(request: AwsRequest, target: { readonly function: string; readonly qualifier?: string }): Promise<AwsResponse>;
  /** Queues an event, whoever sends it. */
  deliver(asked: Asked): Promise<void>;
}

export function createInvoke({ functions, pool, mayTell }: InvokeOptions): Invoke {
  // What it throws is a defect of the test's world, and ends the test run as an unhandled rejection.
  const deliver = async (asked: Asked): Promise<void> => {
    const settings = functions[asked.functionArn];
    if (!settings) throw new Error(`no function ${asked.functionArn}`);
    const { maximumAgeSeconds, onFailure } = settings.asynchronous ?? { maximumAgeSeconds: 21_600 };
    const oldest = Date.now() + maximumAgeSeconds * 1000;
    let invoked = await pool.invoke(asked);
    while (invoked === 'throttled' && Date.now() < oldest) {
      await pause(200);
      invoked = await pool.invoke(asked);
    }
    if (onFailure === undefined || (invoked !== 'throttled' && invoked.functionError === undefined)) return;
    if (!mayTell(settings.role, onFailure)) return;
    await deliver({ ...splitQualifier(onFailure), payload: record(asked, invoked) });
  };

  return {
    deliver,
    async answer(request, target) {
      const settings = functions[target.function];
      const known = settings && (target.qualifier === undefined || settings.aliases.includes(target.qualifier));
      if (!known) return failed(request, 404, 'ResourceNotFoundException', `Function not found: ${target.function}`);
      const kind = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
      const tenant = request.headers['x-amz-tenant-id'];
      if (
        (kind !== 'Event' && kind !== 'RequestResponse') ||
        (tenant === undefined) === (settings.perTenant ?? false)
      ) {
        return failed(request, 400, 'InvalidParameterValueException', 'invocation type or tenant id');
      }
      if (request.body.length > (kind === 'Event' ? eventLimit : synchronousLimit)) {
        return failed(request, 413, 'RequestTooLargeException', 'Request must be smaller');
      }
      if (!isJson(request.body))
        return failed(request, 400, 'InvalidRequestContentException', 'Could not parse request body into json');
      const clientContext = request.headers['x-amz-client-context'];
      const asked: Asked = {
        functionArn: target.function,
        payload: request.body.length > 0 ? request.body : Buffer.from('{}'),
        ...(target.qualifier !== undefined && { qualifier: target.qualifier }),
        ...(clientContext !== undefined && { clientContext: Buffer.from(clientContext, 'base64').toString() }),
        ...(tenant !== undefined && { tenant }),
      };
      if (kind === 'Event') {
        deliver(asked);
        return { status: 202, headers: { 'x-amzn-requestid': randomUUID() }, body: '' };
      }
      const invoked = await pool.invoke(asked);
      if (invoked === 'throttled') {
        return {
          ...failed(request, 429, 'TooManyRequestsException', 'Rate Exceeded.'),
          body: '{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
        };
      }
      return {
        status: 200,
        headers: {
          'content-type': 'application/json',
          'x-amzn-requestid': invoked.requestId,
          'x-amz-executed-version': '1',
          ...(invoked.functionError !== undefined && { 'x-amz-function-error': invoked.functionError }),
          ...(request.headers['x-amz-log-type'] === 'Tail' && { 'x-amz-log-result': tail(invoked.log) }),
        },
        body: invoked.payload,
      };
    },
  };
}

/** Whoever may invoke a function may ask for the last 4 KB of what it printed. */
const tail = (log: string): string => Buffer.from(log).subarray(-4096).toString('base64');

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
function record(asked: Asked, invoked: Invoked): Buffer {
  const functionArn = `${asked.functionArn}:${asked.qualifier ?? '$LATEST'}`;
  const base = {
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestPayload: JSON.parse(asked.payload.toString()),
  };
  const told =
    invoked === 'throttled'
      ? {
          requestContext: {
            requestId: randomUUID(),
            functionArn,
            condition: 'EventAgeExceeded',
            approximateInvokeCount: 0,
          },
        }
      : {
          requestContext: {
            requestId: invoked.requestId,
            functionArn,
            condition: 'RetriesExhausted',
            approximateInvokeCount: 1,
          },
          responseContext: { statusCode: 200, executedVersion: '1', functionError: invoked.functionError },
          responsePayload: JSON.parse(invoked.payload.toString()),
        };
  return Buffer.from(JSON.stringify({ ...base, ...told }));
}

/** The function, and the alias that its ARN ends with. */
export function splitQualifier(arn: string): Pick<Asked, 'functionArn' | 'qualifier'> {
  const parts = arn.split(':');
  const [qualifier] = parts.splice(7);
  return { functionArn: parts.join(':'), ...(qualifier !== undefined && { qualifier }) };
}

function isJson(body: Buffer): boolean {
  if (body.length === 0) return true;
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}
