/** What the deploy door does for whoever asks; HTTP and direct invocations are only ways to ask. */
import type { DecisionBody } from '../policies/contract/decision.ts';
import type { Request } from '../policies/contract/request.ts';
import type { Created, Run } from '../policies/contract/run.ts';
import { type AdmissionParts, admission } from './admission.ts';
import { auditEvent } from './audit-event.ts';
import { mayCancel, type Principal, type Who } from './bearer.ts';
import { orThrow } from './errors.ts';
import { type Refused, refusal } from './refusal.ts';
import { cancel } from './run.ts';
import { type RunReading, type RunReadingParts, runReading } from './run-reading.ts';
import type { Seals } from './secret.ts';
import { update } from './update.ts';

export interface DeployParts extends AdmissionParts, Omit<RunReadingParts, 'ledger'> {
  readonly seals: Seals;
  /** Tells the keeper that there may be something to start or to end. */
  readonly wake: () => Promise<void>;
}

/** Each throws a `DoorError` that refuses. */
export interface DeployOperations extends Pick<RunReading, 'getRun' | 'getLogs'> {
  readonly createRun: (request: Request, who: Who, requestId: string) => Promise<Created>;
  /** Puts the refusal to create a run into the audit trail: before it is told, since what cannot be recorded is a failure. */
  readonly recordRefusal: (refused: Refused) => Promise<void>;
  /** What the policy says; nothing starts. */
  readonly decide: (request: Request, who: Who) => Promise<DecisionBody>;
  readonly cancelRun: (id: string, principal: Principal, requestId: string) => Promise<Run>;
}

export function deployOperations(parts: DeployParts): DeployOperations {
  const { ledger, policy, seals, now, wake } = parts;
  const { decide, admit } = admission(parts);
  const { shown, runFor, getRun, getLogs } = runReading(parts);

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

    getRun,
    getLogs,

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
