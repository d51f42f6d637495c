/** The deploy door by direct invocation: an operation by its name, its request as text, answered as HTTP answers it. */
import { type Static, Type } from 'typebox';
import { bodyReader } from '../policies/body.ts';
import { compiled } from '../policies/compiled.ts';
import { ok, type Problem, type Result, refuse } from '../policies/contract/error.ts';
import { RunIdSchema } from '../policies/contract/request.ts';
import { readRequest } from '../policies/request.ts';
import { schemaRefusal } from '../policies/schema-problem.ts';
import { jobOf, nobodyKnown, type Principal, type Who } from './bearer.ts';
import { CursorSchema, type DeployOperations } from './deploy-operations.ts';
import { DoorError, errorBody, orThrow, problemOf, statusOf } from './errors.ts';
import type { VerifyToken } from './identity/verify.ts';
import type { PolicySource } from './policy-source.ts';
import { newRequestId } from './secret.ts';

export interface OperationParts {
  readonly operations: DeployOperations;
  readonly verify: VerifyToken;
  readonly policy: PolicySource;
  /** What must not be told to a caller: for the log. */
  readonly failed: (error: unknown, requestId: string) => void;
}

/** As over HTTP: the same status, the same body. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const closed = { additionalProperties: false } as const;

/**
 * Whoever may invoke can forge every field, so there are only these, and nothing is believed but a verified token and the
 * key of a run. An event of an HTTP gateway, a queue or a bucket has other keys, and is refused for them.
 */
const EventSchema = Type.Object(
  {
    operation: Type.Enum(['createRun', 'decide', 'getRun', 'getLogs', 'cancelRun']),
    request: Type.String(),
    idToken: Type.Optional(Type.String()),
    runKey: Type.Optional(Type.String()),
  },
  closed,
);
type Event = Static<typeof EventSchema>;
type Operation = Event['operation'];

const eventSchema = compiled(EventSchema);
const readRunId = bodyReader(Type.Object({ id: RunIdSchema }, closed));
const readLogsQuery = bodyReader(Type.Object({ id: RunIdSchema, cursor: Type.Optional(CursorSchema) }, closed));

/** One invocation: what is known of it so far, for its answer and for the record of its refusal. */
interface Invocation {
  readonly requestId: string;
  who: Who;
}

/** Never throws: what fails is told as a 500 and nothing else. */
export function operation({ operations, verify, policy, failed }: OperationParts): (event: unknown) => Promise<Answer> {
  const asker = async (idToken: string | undefined): Promise<Result<Who>> => {
    if (idToken !== undefined) return jobOf(idToken, verify);
    return policy.current().policy.trustInvoker ? ok({ caller: 'invoker' }) : { ok: false, problem: noToken };
  };

  const perform: Record<Operation, (event: Event, invocation: Invocation) => Promise<Answer>> = {
    createRun: async ({ request, idToken }, invocation) => {
      const asked = orThrow(readRequest(request));
      invocation.who = orThrow(await asker(idToken));
      return { status: 202, body: await operations.createRun(asked, invocation.who, invocation.requestId) };
    },
    decide: async ({ request, idToken }) => {
      const asked = orThrow(readRequest(request));
      return { status: 200, body: await operations.decide(asked, orThrow(await asker(idToken))) };
    },
    getRun: async ({ request, runKey }) => {
      const { id } = orThrow(readRunId(request));
      return { status: 200, body: await operations.getRun(id, holderOf(runKey)) };
    },
    getLogs: async ({ request, runKey }) => {
      const { id, cursor } = orThrow(readLogsQuery(request));
      return { status: 200, body: await operations.getLogs(id, cursor, holderOf(runKey)) };
    },
    cancelRun: async ({ request, runKey }, { requestId }) => {
      const { id } = orThrow(readRunId(request));
      return { status: 202, body: await operations.cancelRun(id, holderOf(runKey), requestId) };
    },
  };

  const answerTo = (error: unknown, requestId: string): Answer => {
    const problem = problemOf(error as DoorError);
    if (problem.code === 'E_INTERNAL') failed(error, requestId);
    const reasons = error instanceof DoorError ? error.reasons : [];
    return { status: statusOf(problem), body: errorBody(problem, requestId, reasons) };
  };

  return async event => {
    const invocation: Invocation = { requestId: newRequestId(), who: nobodyKnown };
    const { requestId } = invocation;
    const read = readEvent(event);
    try {
      const asked = orThrow(read);
      return await perform[asked.operation](asked, invocation);
    } catch (error) {
      const recorded = await recordRefusal(read, error, invocation).catch(failure => failure);
      return answerTo(recorded ?? error, requestId);
    }
  };

  /** As over HTTP, of runs that were asked for; and of events that are no operation, which nobody sends by mistake. */
  async function recordRefusal(read: Result<Event>, error: unknown, { requestId, who }: Invocation): Promise<void> {
    if (read.ok && read.value.operation !== 'createRun') return;
    const body = read.ok ? read.value.request : '';
    await operations.recordRefusal({ requestId, code: problemOf(error as DoorError).code, who, body });
  }
}

/** Refuses what is not an operation (E_SCHEMA), and one with a credential that is not for it (E_BAD_REQUEST). */
function readEvent(event: unknown): Result<Event> {
  const schema = eventSchema();
  if (!schema.Check(event))
    return { ok: false, problem: schemaRefusal(EventSchema, schema.Errors(event), 'the event') };
  const asks = event.operation === 'createRun' || event.operation === 'decide';
  const [wanted, other] = asks ? (['idToken', 'runKey'] as const) : (['runKey', 'idToken'] as const);
  return event[other] === undefined
    ? ok(event)
    : refuse('E_BAD_REQUEST', `\`${other}\` is not what ${event.operation} takes`, `give \`${wanted}\` and no other`);
}

/** INVARIANT: tokens of a machine mean nothing here, so a key is never looked up among them. */
const holderOf = (runKey: string | undefined): Principal =>
  runKey === undefined ? { kind: 'nobody' } : { kind: 'key', secret: runKey };

const noToken: Problem = {
  code: 'E_UNAUTHENTICATED',
  message: 'no ID token, and the policy does not trust whoever may invoke',
  fix: 'give `idToken`, an ID token of an issuer of the policy',
};
