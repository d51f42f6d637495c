/** The ways to the worker door: over HTTP to a server, or by invoking a function of AWS. */
import { lambdaClient } from './aws-clients.ts';
import { Failure } from './failure.ts';
import { lambdaDoorway } from './lambda-doorway.ts';

export interface DoorAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface Doorway {
  /** Asks once. Throws a `Failure` where asking again will hardly help, and anything else while the door is away. */
  readonly ask: (operation: string, body: object, how: Asking) => Promise<DoorAnswer>;
  /** From one try to the next. */
  readonly retryMs: number;
  /** For so long lines are collected before they are told. */
  readonly flushMs: number;
}

export interface Asking {
  readonly timeoutMs: number;
  /** Of the run; none to claim it. */
  readonly token?: string;
}

/** `http://…` or `lambda:<ARN of the alias of a function>`, as the launcher says it. */
export function doorwayTo(door: string): Doorway {
  const [, arn, region] = lambdaForm.exec(door) ?? [];
  if (arn !== undefined && region !== undefined) return lambdaDoorway(arn, () => lambdaClient(region));
  if (/^https?:\/\//.test(door)) return httpDoorway(door);
  throw new Failure(
    'E_WORKER',
    '`INFRA_DEPLOYER_DOOR` is neither a url nor `lambda:` with the ARN of the alias of a function',
    'correct the environment of the worker',
  );
}

/** An alias: the function behind it may be replaced while a run is in flight, what it is asked is not. */
const lambdaForm = /^lambda:(arn:aws[a-z-]*:lambda:([a-z0-9-]+):[0-9]{12}:function:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+)$/;

const httpDoorway = (url: string): Doorway => ({
  retryMs: 200,
  flushMs: 40,
  ask: async (operation, body, { timeoutMs, token }) => {
    const response = await fetch(`${url}/worker/v1/${operation}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, body: await response.json() };
  },
});
