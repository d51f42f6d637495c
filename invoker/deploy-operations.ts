/** What the deploy door does for whoever asks; HTTP and direct invocations are only ways to ask. */
import { Type } from 'typebox';
import type { DecisionBody } from '../policies/contract/decision.ts';
import { type Request, RunIdSchema } from '../policies/contract/request.ts';
import type { Created, Logs as LogsBody, Run } from '../policies/contract/run.ts';
import { type AdmissionParts, admission } from './admission.ts';
import { auditEvent } from './audit-event.ts';
import { mayCancel, mayRead, type Principal, unauthenticated, type Who } from './bearer.ts';
import { DoorError, orThrow } from './errors.ts';
import type { Logs } from './ledger.ts';
import { exitCodeOf, publicRun } from './public-run.ts';
import { place } from './queue.ts';
import { type Refused, refusal } from './refusal.ts';
import { cancel, type RunRecord } from './run.ts';
import type { Seals } from './secret.ts';
import { update } from './update.ts';

export interface DeployParts extends AdmissionParts {
  readonly logs: Logs;
  readonly seals: Seals;
  /** Tells the keeper that there may be something to start or to end. */
  readonly wake: () => Promise<void>;
  /** How long a follower should wait before it asks again. */
  readonly pollMs: number;
}

/** Each throws a `DoorError` that refuses. */
export interface DeployOperations {
  readonly createRun: (request: Request, who: Who, requestId: string) => Promise<Created>;
  /** Puts the refusal to create a run into the audit trail: before it is told, since what cannot be recorded is a failure. */
  readonly recordRefusal: (refused: Refused) => Promise<void>;
  /** What the policy says; nothing starts. */
  readonly decide: (request: Request, who: Who) => Promise<DecisionBody>;
  readonly getRun: (id: string, principal: Principal) => Promise<Run>;
  readonly getLogs: (id: string, cursor: string | undefined, principal: Principal) => Promise<LogsBody>;
  readonly cancelRun: (id: string, principal: Principal, requestId: string) => Promise<Run>;
}

export const RunParametersSchema = Type.Object({ id: RunIdSchema });
export const CursorSchema = Type.String({ pattern: '^[0-9]{1,12}$' });

/** With the run beside them an answer stays under 1 MB: a batch is at most 200,000 characters. */
const logBytes = 256 * 1024;

export function deployOperations(parts: DeployParts): DeployOperations {
  const { ledger, logs, policy, seals, now, wake, pollMs } = parts;
  const { decide, admit } = admission(parts);

  const shown = async (run: RunRecord): Promise<Run> =>
    publicRun(run, run.state === 'queued' ? place(await ledger.open(), run.id) : undefined);

  /** The run, if it exists and the principal may do this with it: both failures look the same. */
  const runFor = async (id: string, principal: Principal, may: typeof mayRead): Promise<RunRecord> => {
    if (principal.kind === 'nobody') throw new DoorError(unauthenticated);
    const run = await ledger.get(id);
    if (run === undefined || !(await may(principal, run, seals, now())))
      throw new DoorError({ code: 'E_NOT_FOUND', message: 'there is no such run, or it is not yours to see' });
    return run;
  };

  return {
    createRun: async (request, who, requestId) => {
      const run = await admit(request, who, requestId);
      await wake();
      return { run: await shown(run), runKey: await seals.runKey(run.id) };
    },

    recordRefusal: async refused => {
      // Also where there is no policy to refuse by.
      const digest = await policy.current().then(
        inForce => inForce.digest,
        () => undefined,
      );
      await ledger.record(refusal(refused, digest));
    },

    decide: async (request, { identity }) => {
      const decision = await decide(request, identity);
      return decision.outcome === 'allow'
        ? { outcome: 'allow', rule: decision.rule, reasons: [] }
        : { outcome: 'deny', reasons: [...decision.reasons] };
    },

    getRun: async (id, principal) => shown(await runFor(id, principal, mayRead)),

    getLogs: async (id, from, principal) => {
      // INVARIANT: the run is read before its lines: an end that is told here has no line after it.
      const run = await runFor(id, principal, mayRead);
      const { lines, cursor, more } = await logs.read(run.id, Number(from ?? 0), logBytes);
      const exitCode = exitCodeOf(run);
      return {
        lines: [...lines],
        cursor: String(cursor),
        pollMs: more ? 0 : pollMs,
        run: await shown(run),
        ...(exitCode === undefined || more ? {} : { end: { state: run.state, exitCode } }),
      };
    },

    cancelRun: async (id, principal, requestId) => {
      await runFor(id, principal, mayCancel);
      const canceled = await update(
        ledger,
        id,
        run => cancel(run, now()),
        run => ({
          audit: auditEvent('cancel', run, {
            requestId,
            caller: principal.kind === 'deploy' ? principal.caller : `run key of ${id}`,
          }),
        }),
      );
      await wake();
      return shown(orThrow(canceled));
    },
  };
}
