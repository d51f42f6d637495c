/** The worker door: a running worker claims its run, tells how it goes, and is told when to stop. A hostile writer. */
import type { FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { ErrorSchema, ok, refuse } from '../../policies/contract/error.ts';
import {
  ClaimedSchema,
  ClaimSchema,
  FinishSchema,
  LogBatchSchema,
  OrdersSchema,
  PhaseReportSchema,
  PlanGrantedSchema,
  PlanGrantSchema,
  SourceAnswerSchema,
  SourceSchema,
} from '../../policies/contract/worker.ts';
import { canonicalPath } from '../../policies/path.ts';
import { printable } from '../../policies/printable.ts';
import { stackSettings } from '../../policies/stack.ts';
import type { App } from '../app.ts';
import { auditEvent } from '../audit-event.ts';
import { bearerOf, unauthenticated } from '../bearer.ts';
import { type BeginningParts, beginning } from '../beginning.ts';
import { cleanReport } from '../clean-report.ts';
import { DoorError, orThrow } from '../errors.ts';
import type { Effects, Logs, Plans } from '../ledger.ts';
import { receiptOf } from '../plan-receipt.ts';
import { advance, beat, claim, deny, finish, type RunRecord, resolve } from '../run.ts';
import { digestOf, newSecret, sameSecret } from '../secret.ts';
import { type Step, update } from '../update.ts';

export interface WorkerDoorParts extends BeginningParts {
  readonly logs: Logs;
  readonly plans: Plans;
  readonly wake: () => void;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly graceMs: number;
}

const errors = { '4xx': ErrorSchema, '5xx': ErrorSchema };
/** Characters of output that are kept of one run; the file of the tool itself is the worker's. */
const maxLogged = 64 * 1024 * 1024;
/** What an empty line costs. */
const lineCost = 32;
const cutMarker = '… infra-deployer keeps no more of this output: it is too long';
const nothing = Type.Object({}, { additionalProperties: false });

export function workerDoor(parts: WorkerDoorParts) {
  const { ledger, logs, plans, policy, now, wake, leaseMs, heartbeatMs, graceMs } = parts;
  const { allowed, mayResolve, mayBegin } = beginning(parts);

  /** The run whose worker is asking. A token is `<run id>.<secret>`; only its digest is stored. */
  const runOf = async (request: FastifyRequest): Promise<RunRecord> => {
    const token = bearerOf(request) ?? '';
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
  const recorded = async (run: RunRecord, begin: Promise<RunRecord>): Promise<RunRecord> => {
    try {
      return await begin;
    } catch (error) {
      if (error instanceof DoorError) await ledger.record(auditEvent('refused', run, { code: error.problem.code }));
      throw error;
    }
  };

  return async (app: App): Promise<void> => {
    const post = <Body extends TSchema, Answer extends TSchema>(
      url: string,
      summary: string,
      body: Body,
      answer: Answer,
    ) => ({
      method: 'POST' as const,
      url: `/worker/v1/${url}`,
      bodyLimit: 1024 * 1024,
      schema: { summary, body, response: { 200: answer, ...errors } },
    });

    app.route({
      ...post('claim', 'trade a ticket for a token', ClaimSchema, ClaimedSchema),
      handler: async request => {
        const { run: id, ticket } = request.body;
        const token = `${id}.${newSecret()}`;
        const run = await ledger.get(id);
        if (run?.ticketHash === undefined || !sameSecret(digestOf(ticket), run.ticketHash))
          throw new DoorError(unauthenticated);
        const repository = allowed(run);
        if (!repository.ok) {
          await update(
            ledger,
            id,
            run => deny(run, repository.problem, now()),
            run => ({ audit: auditEvent('ended', run) }),
          );
          wake();
          throw new DoorError(repository.problem);
        }
        const path = orThrow(canonicalPath(run.request.path));
        const { minutes, binary } = stackSettings(repository.value, path);
        const deadlineMs = minutes * 60_000;
        const hashes = { ticket: run.ticketHash, token: digestOf(token) };
        const claimed = orThrow(
          await update(
            ledger,
            id,
            run => claim(run, hashes, now(), { leaseMs, deadlineMs, binary }),
            run => ({ audit: auditEvent('started', run) }),
          ),
        );
        return {
          token,
          run: id,
          command: claimed.request.command,
          mode: claimed.request.mode ?? 'normal',
          request: claimed.request,
          repoName: claimed.repo,
          policy: repository.value.body,
          asker: claimed.asker,
          ...(claimed.wanted === undefined ? {} : { commit: claimed.wanted }),
          leaseMs,
          heartbeatMs,
          deadlineMs,
          graceMs,
        };
      },
    });

    app.route({
      ...post('heartbeat', 'the worker is alive', nothing, OrdersSchema),
      handler: async request => stopOrder(await heard((await runOf(request)).id)),
    });

    app.route({
      ...post('log', "lines of the tool's output", LogBatchSchema, OrdersSchema),
      handler: async request => {
        const { id, logged = 0 } = await runOf(request);
        const { seq, lines } = request.body;
        const size = lines.reduce((sum, { text }) => sum + text.length + lineCost, 0);
        const beaten = await heard(id, run => ok({ ...run, logged: (run.logged ?? 0) + size }));
        const kept = logged > maxLogged ? [] : lines.map(({ phase, text }) => ({ phase, text: printable(text) }));
        const cut = logged <= maxLogged && logged + size > maxLogged ? [{ phase: beaten.phase, text: cutMarker }] : [];
        if (!(await logs.append(id, seq, [...kept, ...cut])))
          throw new DoorError({ code: 'E_BAD_REQUEST', message: 'a batch of lines before this one is missing' });
        return stopOrder(beaten);
      },
    });

    app.route({
      ...post('source', 'which commit this run is about', SourceSchema, SourceAnswerSchema),
      handler: async request => {
        const asking = await runOf(request);
        const { ref, commit, tip } = request.body;
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
    });

    app.route({
      ...post('phase', 'the worker enters a phase', PhaseReportSchema, OrdersSchema),
      handler: async request => {
        const asking = await runOf(request);
        const { phase } = request.body;
        const begin = heard(
          asking.id,
          async run => {
            const begins = phase === 'apply' && run.phase !== 'apply' && run.request.command === 'apply';
            const may = begins ? await mayBegin(run) : ok(undefined);
            return may.ok ? advance(run, phase, now()) : may;
          },
          (next, before) =>
            phase === 'apply' && before.phase !== 'apply' && next.planId !== undefined
              ? {
                  spend: next.planId,
                  audit: auditEvent('applying', next, { policyDigest: policy.current().digest }),
                }
              : {},
        );
        const run = await recorded(asking, begin);
        return stopOrder(run);
      },
    });

    app.route({
      ...post('plan', 'where to put the saved plan', PlanGrantSchema, PlanGrantedSchema),
      handler: async request => {
        const { id } = await runOf(request);
        const upload = request.body;
        await heard(id, run => {
          const isRepeated = run.upload?.digest === upload.digest && run.upload.size === upload.size;
          if (run.keepPlan && (run.upload === undefined || isRepeated)) return ok({ ...run, upload });
          return refuse('E_BAD_REQUEST', 'this run stores no plan, or has stored it already');
        });
        return { url: await plans.grantUpload(id, upload) };
      },
    });

    app.route({
      ...post('finish', 'the run has ended', FinishSchema, nothing),
      handler: async request => {
        const { id, state } = await runOf(request);
        const report = cleanReport(request.body);
        // A finish that is told twice was recorded the first time.
        if (state === report.outcome) return {};
        const isStored = await plans.has(id);
        // A run of a repository that has left the policy ends as it says, but its plan is of no use to anybody.
        const receiptFor = (run: RunRecord) => {
          const repository = policy.current().policy.repositories.get(run.repo);
          return isStored && repository ? receiptOf(repository, run, report, now()) : undefined;
        };
        await heard(
          id,
          async run => {
            const done = finish(run, report, now());
            if (!done.ok) return done;
            if (receiptFor(done.value)) return ok({ ...done.value, planId: id });
            return ok({ ...done.value, ...(await appliedChanges(done.value)) });
          },
          run => {
            const receipt = receiptFor(run);
            return { audit: auditEvent('ended', run), ...(receipt ? { receipt } : {}) };
          },
        );
        wake();
        return {};
      },
    });
  };

  /** A saved plan that was applied to its end has done exactly what it said: nothing else needs to be counted. */
  async function appliedChanges(run: RunRecord): Promise<Pick<RunRecord, 'counts' | 'changes'>> {
    if (run.request.command !== 'apply' || run.state !== 'succeeded' || run.planId === undefined) return {};
    const { counts, changes } = (await ledger.get(run.planId)) ?? {};
    return { ...(counts ? { counts } : {}), ...(changes ? { changes } : {}) };
  }
}
