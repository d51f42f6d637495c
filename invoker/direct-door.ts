/** A door by direct invocation: an operation by its name, its request as text, answered as HTTP answers it. */
import { Type } from 'typebox';
import { compiled } from '../policies/compiled.ts';
import { ok, type Result, refuse } from '../policies/contract/error.ts';
import { schemaRefusal } from '../policies/schema-problem.ts';
import { nobodyKnown, type Who } from './bearer.ts';
import { DoorError, errorBody, orThrow, problemOf, statusOf } from './errors.ts';
import { newRequestId } from './secret.ts';

/** As over HTTP: the same status, the same body. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One invocation: what is known of it so far, for its answer and for the record of its refusal. */
export interface Invocation {
  readonly requestId: string;
  who: Who;
}

type Credential = 'idToken' | 'runKey' | 'token';

export interface DirectOperation {
  /** The one credential that it takes; none where the right to invoke is enough. */
  readonly credential?: Credential;
  readonly perform: (request: string, secret: string | undefined, invocation: Invocation) => Promise<Answer>;
}

export interface Asked {
  readonly operation: string;
  readonly request: string;
}

export interface DirectDoorParts {
  readonly operations: Readonly<Record<string, DirectOperation>>;
  /** Records a refusal before it is told; nothing was `asked` where the event is no operation. What it throws is told instead. */
  readonly refused?: (asked: Asked | undefined, error: unknown, invocation: Invocation) => Promise<void>;
  /** What must not be told to a caller: for the log. */
  readonly failed: (error: unknown, requestId: string) => void;
}

/** Never throws: what fails is told as a 500 and nothing else. */
export function directDoor({ operations, refused, failed }: DirectDoorParts) {
  const readEvent = eventReader(operations);

  const answerTo = (error: unknown, requestId: string): Answer => {
    const problem = problemOf(error as DoorError);
    if (problem.code === 'E_INTERNAL') failed(error, requestId);
    const reasons = error instanceof DoorError ? error.reasons : [];
    return { status: statusOf(problem), body: errorBody(problem, requestId, reasons) };
  };

  return async (event: unknown, requestId: string = newRequestId()): Promise<Answer> => {
    const invocation: Invocation = { requestId, who: nobodyKnown };
    const read = readEvent(event);
    try {
      const { perform, request, secret } = orThrow(read);
      return await perform(request, secret, invocation);
    } catch (error) {
      const recorded = await refused?.(read.ok ? read.value : undefined, error, invocation).catch(failure => failure);
      return answerTo(recorded ?? error, requestId);
    }
  };
}

/**
 * Whoever may invoke can forge every field, so there are only these, and nothing is believed but a verified token and the
 * key of a run. An event of an HTTP gateway, a queue or a bucket has other keys, and is refused for them.
 */
function eventReader(operations: DirectDoorParts['operations']) {
  const names = [...new Set(Object.values(operations).flatMap(({ credential }) => credential ?? []))];
  const schema = Type.Object(
    {
      operation: Type.Enum(Object.keys(operations)),
      request: Type.String(),
      ...Object.fromEntries(names.map(name => [name, Type.Optional(Type.String())])),
    },
    { additionalProperties: false },
  );
  const check = compiled(schema);

  return (event: unknown): Result<Asked & { secret: string | undefined; perform: DirectOperation['perform'] }> => {
    const checked = check();
    if (!checked.Check(event)) return { ok: false, problem: schemaRefusal(schema, checked.Errors(event), 'the event') };
    const { operation, request, ...given } = event as Asked & Partial<Record<Credential, string>>;
    const asked = operations[operation];
    if (asked === undefined) throw new Error(`${operation} has passed the schema, but is no operation`);
    const { credential, perform } = asked;
    const other = names.find(name => name !== credential && given[name] !== undefined);
    if (other !== undefined) {
      const fix = credential === undefined ? `leave \`${other}\` out` : `give \`${credential}\` and no other`;
      return refuse('E_BAD_REQUEST', `\`${other}\` is not what ${operation} takes`, fix);
    }
    return ok({ operation, request, perform, secret: credential && given[credential] });
  };
}
