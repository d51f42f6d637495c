/** What was asked of the front and what became of it, and the faults that tests ask for. */

/** One request, as it was judged. */
export interface Call {
  /** ARN of the session, or `anonymous`. */
  readonly principal: string;
  /** The operation (`dynamodb:TransactWriteItems`), or the action that was refused; of what was not understood, method and path. */
  readonly action: string;
  readonly resource: string;
  readonly allowed: boolean;
  /** Why not: the judge's word, that of the signature check, or `unknown action`. */
  readonly because?: string;
}

/** What happens instead of the answer, or before it. */
export interface Fault {
  /** Only of a resource whose ARN ends like this; any, where nothing is said. */
  readonly on?: string;
  readonly delayMs?: number;
  /** An error as AWS sends it, e.g. `{code: 'ThrottlingException', status: 400}`. */
  readonly error?: { readonly code: string; readonly status: number; readonly message?: string };
  /** A successful answer in JSON, e.g. of RunTask without room: `{tasks: [], failures: [{reason: 'RESOURCE:CPU'}]}`. */
  readonly answer?: unknown;
}

export interface Faults {
  add(action: string, fault: Fault, times: number): void;
  /** The fault that this call of the operation meets. */
  take(action: string, resource: string): Fault | undefined;
}

export function createFaults(): Faults {
  const waiting = new Map<string, Fault[]>();
  return {
    add: (action, fault, times) =>
      waiting.set(action, [...(waiting.get(action) ?? []), ...Array<Fault>(times).fill(fault)]),
    take(action, resource) {
      const all = waiting.get(action) ?? [];
      const at = all.findIndex(({ on = '' }) => resource.endsWith(on));
      return at < 0 ? undefined : all.splice(at, 1)[0];
    },
  };
}
