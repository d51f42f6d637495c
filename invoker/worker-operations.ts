/** What the worker door does for a running worker: it claims its run, tells how it goes, and is told when to stop. A hostile writer. */
import { Type } from 'typebox';
import { canonicalJson } from '../policies/canonical-json.ts';
import { ok, refuse } from '../policies/contract/error.ts';
import {
  ClaimedSchema,
  ClaimSchema,
  CredentialsSchema,
  ErroredStateGrantSchema,
  FinishSchema,
  LogBatchSchema,
  OrdersSchema,
  PhaseReportSchema,
  PlanGrantedSchema,
  PlanGrantSchema,
  type ProviderCache,
  type ProviderCacheGrant,
  ProviderCacheGrantSchema,
  ProviderCacheSchema,
  SourceAnswerSchema,
  SourceSchema,
} from '../policies/contract/worker.ts';
import { canonicalPath } from '../policies/path.ts';
import { printable } from '../policies/printable.ts';
import { stackSettings } from '../policies/stack.ts';
import { auditEvent } from './audit-event.ts';
import { unauthenticated } from './bearer.ts';
import { allowedBy, type BeginningParts, beginning } from './beginning.ts';
import { claiming } from './claiming.ts';
import type { RunCredentials } from './credentials.ts';
import { type DoorOperation, doorOperation } from './door-operation.ts';
import { DoorError, orThrow, statusOf } from './errors.ts';
import { finishing } from './finishing.ts';
import type { Effects, Logs, Plans } from './ledger.ts';
import { advance, beat, type RunRecord, resolve } from './run.ts';
import { digestOf, sameSecret } from './secret.ts';
import { type Step, update } from './update.ts';

export interface WorkerDoorParts extends BeginningParts {
  readonly logs: Logs;
  readonly plans: Plans;
  readonly credentials: RunCredentials;
  /** Where a state that its backend did not take may be put; undefined where the launcher finds it. */
  readonly grantErroredState?: (run: RunRecord) => Promise<string>;
  /** Where the providers of a lock file are kept; undefined where they are not. */
  readonly grantProviders?: (asked: ProviderCache) => Promise<ProviderCacheGrant>;
  readonly wake: () => Promise<void>;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly graceMs: number;
}

/** Characters of output that are kept of one run; the file of the tool itself is the worker's. */
const maxLogged = 64 * 1024 * 1024;
/** What an empty line costs. */
const lineCost = 32;
/** Of one batch as it is stored: an answer holds it whole, with its run beside it, and stays under 1 MB. */
const mostBatchBytes = 750_000;
const cutMarker = '… infra-deployer keeps no more of this output: it is too long';
const nothing = Type.Object({}, { additionalProperties: false });

/** By the name that workers call each by. */
export function workerOperations(parts: WorkerDoorParts): Readonly<Record<string, DoorOperation>> {
  const { ledger, logs, plans, policy, credentials, grantErroredState, grantProviders, now, leaseMs } = parts;
  const { mayResolve, mayBegin } = beginning(parts);
  const claim = claiming(parts);
  const finish = finishing(parts);

  /** The run whose worker is asking. A token is `<run id>.<secret>`; only its digest is stored. */
  const runOf = async (token = ''): Promise<RunRecord> => {
    const run = await ledger.get(token.split('.')[0] ?? '');
    if (run?.tokenHash === undefined || !sameSecret(digestOf(token), run.tokenHash))
      throw new DoorError(unauthenticated);
    return run;
  };

  const stopOrder = (run: RunRecord) => (run.cancelRequested ? { stop: 'canceled' as const } : {});

  /** Every word from a worker renews its lease; a worker whose run has ended is told so and stops. */
  const heard = async (
    id: string,
    step: Step = run => ok(run),
    effects?: (next: RunRecord, before: RunRecord) => Effects,
  ): Promise<RunRecord> => {
    const alive: Step = run => {
      const beaten = beat(run, now(), leaseMs);
      return beaten.ok ? step(beaten.value) : beaten;
    };
    return orThrow(await update(ledger, id, alive, effects));
  };

  /** What is refused to a worker that wants to begin something is in the audit trail like every other refusal. */
  const recorded = async <T>(run: RunRecord, begin: Promise<T>): Promise<T> => {
    try {
      return await begin;
    } catch (error) {
      // What passes by itself is asked for again every second: no refusal, and no entry each time.
      if (error instanceof DoorError && statusOf(error.problem) < 500)
        await ledger.record(auditEvent('refused', run, { code: error.problem.code }));
      throw error;
    }
  };

  return {
    claim: doorOperation('trade a ticket for a token', ClaimSchema, ClaimedSchema, claim),

    heartbeat: doorOperation('the worker is alive', nothing, OrdersSchema, async (_, token) =>
      stopOrder(await heard((await runOf(token)).id)),
    ),

    log: doorOperation("lines of the tool's output", LogBatchSchema, OrdersSchema, async ({ seq, lines }, token) => {
      const { id, logged = 0 } = await runOf(token);
      if (Buffer.byteLength(JSON.stringify(lines)) > mostBatchBytes)
        throw new DoorError({ code: 'E_TOO_LARGE', message: 'the batch of lines is too large' });
      const size = lines.reduce((sum, { text }) => sum + text.length + lineCost, 0);
      const beaten = await heard(id, run => ok({ ...run, logged: (run.logged ?? 0) + size }));
      const kept = logged > maxLogged ? [] : lines.map(({ phase, text }) => ({ phase, text: printable(text) }));
      const cut = logged <= maxLogged && logged + size > maxLogged ? [{ phase: beaten.phase, text: cutMarker }] : [];
      if (!(await logs.append(id, seq, [...kept, ...cut])))
        throw new DoorError({ code: 'E_BAD_REQUEST', message: 'a batch of lines before this one is missing' });
      return stopOrder(beaten);
    }),

    source: doorOperation(
      'which commit this run is about',
      SourceSchema,
      SourceAnswerSchema,
      async ({ ref, commit, tip }, token) => {
        const asking = await runOf(token);
        const isRepeated = asking.ref === ref && asking.commit === commit && asking.tip === tip;
        const begin = heard(
          asking.id,
          async run => {
            if (isRepeated) return ok(run);
            const admitted = await mayResolve({ ...run, ref }, ref, commit);
            return admitted.ok ? resolve(run, { ref, commit, tip, ...admitted.value }) : admitted;
          },
          run => (isRepeated ? {} : { audit: auditEvent('resolved', run) }),
        );
        const run = await recorded(asking, begin);
        if (run.request.command === 'plan' || run.planId === undefined) return { keepPlan: run.keepPlan };
        const stored = await ledger.receipt(run.planId);
        if (stored === undefined) throw new DoorError({ code: 'E_PLAN_MISSING', message: 'the plan is gone' });
        const { planDigest: digest, planSize: size, planId, lockDigest } = stored.receipt;
        const plan = { planId, digest, size, url: await plans.grantDownload(planId) };
        return { keepPlan: false, plan: { ...plan, ...(lockDigest === undefined ? {} : { lockDigest }) } };
      },
    ),

    credentials: doorOperation(
      "credentials of the stack's role and for its secrets",
      nothing,
      CredentialsSchema,
      async (_, token) => {
        const asking = await runOf(token);
        const begin = async () => {
          const run = await heard(asking.id);
          // INVARIANT: for an apply the plan that it spends has been found by then.
          if (run.commit === undefined) throw new DoorError(unsettled);
          if (run.cancelRequested) throw new DoorError({ code: 'E_CANCELED', message: 'the run was canceled' });
          const { policy: inForce } = await policy.current();
          const repository = orThrow(allowedBy(inForce, run));
          const settings = stackSettings(repository, orThrow(canonicalPath(run.request.path)));
          return orThrow(await credentials.ofRun(run, repository, settings, inForce));
        };
        return recorded(asking, begin());
      },
    ),

    phase: doorOperation('the worker enters a phase', PhaseReportSchema, OrdersSchema, async ({ phase }, token) => {
      const asking = await runOf(token);
      // Nothing else that a worker tells waits for a policy that cannot be read just then.
      const inForce = phase === 'apply' && asking.phase !== 'apply' ? await policy.current() : undefined;
      const begin = heard(
        asking.id,
        async run => {
          const begins = phase === 'apply' && run.phase !== 'apply' && run.request.command === 'apply';
          const may = begins ? await mayBegin(run) : ok(undefined);
          return may.ok ? advance(run, phase, now()) : may;
        },
        (next, before) =>
          phase === 'apply' && before.phase !== 'apply' && next.planId !== undefined
            ? { spend: next.planId, audit: auditEvent('applying', next, inForce && { policyDigest: inForce.digest }) }
            : {},
      );
      return stopOrder(await recorded(asking, begin));
    }),

    plan: doorOperation('where to put the saved plan', PlanGrantSchema, PlanGrantedSchema, async (upload, token) => {
      const { id } = await runOf(token);
      await heard(id, run => {
        const isRepeated = run.upload?.digest === upload.digest && run.upload.size === upload.size;
        if (run.keepPlan && (run.upload === undefined || isRepeated)) return ok({ ...run, upload });
        return refuse('E_BAD_REQUEST', 'this run stores no plan, or has stored it already');
      });
      return { url: await plans.grantUpload(id, upload) };
    }),

    'provider-cache': doorOperation(
      'where the providers of a lock file are kept',
      ProviderCacheSchema,
      ProviderCacheGrantSchema,
      async (asked, token) => {
        const { id } = await runOf(token);
        await heard(id, run => {
          // INVARIANT: later planned code may have taken over its worker, and what it has to say of providers is not kept.
          if (run.phase !== 'init') return refuse('E_BAD_REQUEST', 'providers are installed in the phase `init`');
          if (asked.upload === undefined) return ok(run);
          if (canonicalJson(run.providers ?? asked) === canonicalJson(asked)) return ok({ ...run, providers: asked });
          return refuse('E_BAD_REQUEST', 'this run has kept its providers already');
        });
        return grantProviders === undefined ? {} : grantProviders(asked);
      },
    ),

    'errored-state': doorOperation(
      'where to put a state that its backend did not take',
      nothing,
      ErroredStateGrantSchema,
      async (_, token) => {
        const run = await heard((await runOf(token)).id);
        if (run.request.command !== 'apply' || run.commit === undefined) throw new DoorError(unsettled);
        return grantErroredState === undefined ? {} : { url: await grantErroredState(run) };
      },
    ),

    finish: doorOperation('the run has ended', FinishSchema, nothing, async (report, token) => {
      const run = await runOf(token);
      await finish(run, report, heard);
      return {};
    }),
  };
}

const unsettled = { code: 'E_BAD_REQUEST', message: 'the source of this run is not settled' } as const;
