/** Knocks at the doors of an account as somebody who holds a role's credentials, and insists that no answer says too much. */
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import { Value } from 'typebox/value';
import { ErrorSchema } from '../../../policies/contract/error.ts';
import type { Session } from '../../../policies/contract/worker.ts';
import { clientFor } from '../../support/aws/clients.ts';
import type { FunctionName, RoleName } from '../../terraform/rendered.ts';
import { type Account, functionOf, roleOf } from './account.ts';

/** What came back. `code` is the door's, or AWS's own where `status` is missing: then nobody behind it was asked. */
export interface Heard {
  readonly status?: number;
  readonly code?: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** What the function has printed meanwhile, as its caller may ask to see. */
  readonly said: string;
}

export interface Knock {
  /** Any event; a text is sent as it is. */
  (door: FunctionName, event: unknown, more?: Partial<InvokeCommandInput>): Promise<Heard>;
  /** An operation, as the door's own callers ask for it. */
  readonly ask: (door: FunctionName, operation: string, body: unknown, credential?: object) => Promise<Heard>;
}

export function knockAs(account: Account, role: RoleName): Knock {
  return knockWith(account, account.front.issue(roleOf(account.rendered, role).arn));
}

export function knockWith(account: Account, credentials: Omit<Session, 'expiresAt'>): Knock {
  const client = new LambdaClient(clientFor(account.front.url, credentials));
  const knock = async (door: FunctionName, event: unknown, more: Partial<InvokeCommandInput> = {}): Promise<Heard> => {
    const invoke = new InvokeCommand({
      FunctionName: functionOf(account.rendered, door).aliasArn,
      LogType: 'Tail',
      Payload: Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)),
      ...more,
    });
    try {
      const { Payload, LogResult = '', FunctionError } = await client.send(invoke);
      if (FunctionError !== undefined) throw new Error(`the door broke: ${Buffer.from(Payload ?? [])}`);
      return heard(account, Buffer.from(Payload ?? []).toString(), Buffer.from(LogResult, 'base64').toString());
    } catch (error) {
      const { name, $metadata } = error as { name: string; $metadata?: object };
      if ($metadata === undefined) throw error;
      return { code: name, body: {}, said: '' };
    }
  };
  return Object.assign(knock, {
    ask: (door: FunctionName, operation: string, body: unknown, credential: object = {}) =>
      knock(door, { operation, request: JSON.stringify(body), ...credential }),
  });
}

function heard(account: Account, payload: string, log: string): Heard {
  // What the platform prints around it is the platform's.
  const said = log.replaceAll(/^(START|END|REPORT) RequestId: .*\n/gm, '');
  // The keeper tells nobody anything.
  if (payload === 'null') return { body: {}, said };
  const { status, body, ...more } = JSON.parse(payload) as { status: number; body: Record<string, unknown> };
  const telling = status < 400 ? said : `${payload}${said}`;
  if (Object.keys(more).length > 0) throw new Error(`no answer of a door: ${Object.keys(more)}`);
  if (status >= 400) insistOnRefusal(payload, body);
  const found = [...secretsIn(account), ...inside].find(words => telling.search(words) >= 0);
  if (found !== undefined) throw new Error(`an answer says too much (${found}): ${telling}`);
  const { code } = (body.error ?? {}) as { code?: string };
  return { status, body, said, ...(code === undefined ? {} : { code }) };
}

function insistOnRefusal(payload: string, body: unknown): void {
  if (!Value.Check(ErrorSchema, body) || payload.length > 4096)
    throw new Error(`no refusal of ours: ${payload.slice(0, 4096)}`);
}

/** Lines of the deploy key, also in the encodings that no masking looks for. */
const secretsIn = ({ deployKey }: Account): readonly RegExp[] =>
  deployKey
    .split('\n')
    .slice(1, 3)
    .flatMap(line => [line, [...line].reverse().join(''), Buffer.from(line).toString('hex')])
    .map(text => new RegExp(text.replaceAll(/[+/=]/g, '\\$&')));

/** What a stranger need not know: how the doors are made, what they talk to, and as whom. */
const inside = [
  /A[SK]IA[0-9A-Z]{12}/,
  /arn:aws/,
  /aws-?sdk|smithy|\$metadata|ConditionalCheck|TransactionCancel|ValidationException|AccessDenied/i,
  /node_modules|\.mjs|\bat .*:\d+:\d+/,
  /INFRA_DEPLOYER_|acme-tfstate|infra-deployer-(ledger|plans|policy|audit)/,
];
