/** The worker door: a running worker claims its run, tells how it goes, and is told when to stop. A hostile writer. */
import type { FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import type { Repository } from '../../policies/allowlist.ts';
import { ErrorSchema, ok, type Result, refuse } from '../../policies/contract/error.ts';
import { userOf } from '../../policies/contract/identity.ts';
import type { Receipt } from '../../policies/contract/receipt.ts';
import {
  ClaimedSchema,
  ClaimSchema,
  type Finish,
  FinishSchema,
  LogBatchSchema,
  OrdersSchema,
  PhaseReportSchema,
  PlanGrantedSchema,
  PlanGrantSchema,
  SourceAnswerSchema,
  SourceSchema,
} from '../../policies/contract/worker.ts';
import { allowsRef, evaluate, mayBeApplied } from '../../policies/evaluate.ts';
import { canonicalPath } from '../../policies/path.ts';
import { printable, withoutColour } from '../../policies/printable.ts';
import { fullRef } from '../../policies/ref.ts';
import { canonicalRequest } from '../../policies/request.ts';
import { stackSettings } from '../../policies/stack.ts';
import type { App } from '../app.ts';
import { auditEvent } from '../audit-event.ts';
import { bearerOf, unauthenticated } from '../bearer.ts';
import { DoorError, orThrow } from '../errors.ts';
import { findReceipt } from '../find-receipt.ts';
import type { Effects, Ledger, Logs, Plans } from '../ledger.ts';
import type { PolicySource } from '../policy-source.ts';
import { advance, beat, claim, deny, finish, type RunRecord, resolve } from '../run.ts';
import { digestOf, type Keys, newSecret, sameSecret } from '../secret.ts';
import { type Step, update } from '../update.ts';

export interface WorkerDoorParts {
  readonly ledger: Ledger;
  readonly logs: Logs;
  readonly plans: Plans;
  readonly policy: PolicySource;
  readonly keys: Pick<Keys, 'receipt'>;
  readonly now: () => number;
  readonly wake: () => void;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly graceMs: number;
}

const errors = { '4xx': ErrorSchema, '5xx': ErrorSchema };
const nothing = Type.Object({}, { additionalProperties: false });

export function workerDoor(parts: WorkerDoorParts) {
  const { ledger, logs, plans, policy, keys, now, wake, leaseMs, heartbeatMs, graceMs } = parts;

  /** The run whose worker is asking. A token is `<run id>.<secret>`; only its digest is stored. */
  const runOf = async (request: FastifyRequest): Promise<RunRecord> => {
    const token = bearerOf(request) ?? '';
    const run = await ledger.get(token.split('.')[0] ?? '');
    if (run?.tokenHash === undefined || !sameSecret(digestOf(token), run.tokenHash))
      throw new DoorError(unauthenticated);
    return run;
  };

  /** The repository of a run, as the policy in force now has it: the policy may have changed since the run was made. */
  const repositoryOf = (run: RunRecord): Result<Repository> => {
    const repository = policy.current().policy.repositories.get(run.repo);
    return repository === undefined
      ? refuse('E_REPO_NOT_ALLOWED', 'the repository is no longer in the policy')
      : { ok: true, value: repository };
  };

  const stillAllowed = (run: RunRecord): Result<Repository> => {
    const request = canonicalRequest(run.request);
    if (!request.ok) return request;
    const decision = evaluate(policy.current().policy, request.value, run.asker);
    if (decision.outcome === 'allow') return { ok: true, value: decision.repository };
    const [reason] = decision.reasons;
    return refuse(reason?.code ?? 'E_DENIED_BY_RULE', 'the policy has changed and no longer allows this run');
  };

  const stopOrder = (run: RunRecord) => (run.cancelRequested ? { stop: 'canceled' as const } : {});

  /** Every word from a worker renews its lease; a worker whose run has ended is told so and stops. */
  const heard = async (
    id: string,
    step: Step = run => ok(run),
    effects?: (next: RunRecord, before: RunRecord) => Effects,
  ) => {
    const alive: Step = run => {
      const beaten = beat(run, now(), leaseMs);
      return beaten.ok ? step(beaten.value) : beaten;
    };
    return orThrow(await update(ledger, id, alive, effects));
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
        const allowed = stillAllowed(run);
        if (!allowed.ok) {
          await update(
            ledger,
            id,
            run => deny(run, allowed.problem, now()),
            run => ({ audit: auditEvent('ended', run) }),
          );
          wake();
        }
        const repository = orThrow(allowed);
        const path = orThrow(canonicalPath(run.request.path));
        const { minutes, binary } = stackSettings(repository, path);
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
          policy: repository.body,
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
        const run = await runOf(request);
        const { seq, lines } = request.body;
        const beaten = await heard(run.id);
        const cleaned = lines.map(({ phase, text }) => ({ phase, text: printable(text) }));
        if (!(await logs.append(run.id, seq, cleaned)))
          throw new DoorError({ code: 'E_BAD_REQUEST', message: 'a batch of lines before this one is missing' });
        return stopOrder(beaten);
      },
    });

    app.route({
      ...post('source', 'which commit this run is about', SourceSchema, SourceAnswerSchema),
      handler: async request => {
        const { id } = await runOf(request);
        const { ref, commit, tip } = request.body;
        const run = await heard(
          id,
          async run => {
            const admitted = await admit(run, ref, commit);
            return admitted.ok ? resolve(run, { ref, commit, tip, ...admitted.value }) : admitted;
          },
          run => ({ audit: auditEvent('resolved', run) }),
        );
        if (run.request.command === 'plan' || run.planId === undefined) return { keepPlan: run.keepPlan };
        const stored = await ledger.receipt(run.planId);
        if (stored === undefined) throw new DoorError({ code: 'E_PLAN_MISSING', message: 'the plan is gone' });
        const { planDigest: digest, planSize: size, planId } = stored.receipt;
        return { keepPlan: false, plan: { planId, digest, size, url: await plans.grantDownload(planId) } };
      },
    });

    app.route({
      ...post('phase', 'the worker enters a phase', PhaseReportSchema, OrdersSchema),
      handler: async request => {
        const { id } = await runOf(request);
        const { phase } = request.body;
        const run = await heard(
          id,
          async run => {
            // The policy in force when the apply begins decides whether it may.
            const allowed = phase === 'apply' ? stillAllowed(run) : undefined;
            if (allowed && !allowed.ok) return allowed;
            return advance(run, phase, now());
          },
          (next, before) =>
            phase === 'apply' && before.phase !== 'apply' && next.planId !== undefined
              ? { spend: next.planId, audit: auditEvent('applying', next) }
              : {},
        );
        return stopOrder(run);
      },
    });

    app.route({
      ...post('plan', 'where to put the saved plan', PlanGrantSchema, PlanGrantedSchema),
      handler: async request => {
        const { id } = await runOf(request);
        const upload = request.body;
        await heard(id, run => {
          if (run.keepPlan && run.upload === undefined) return { ok: true, value: { ...run, upload } };
          return refuse('E_BAD_REQUEST', 'this run stores no plan, or has stored it already');
        });
        return { url: await plans.grantUpload(id, upload) };
      },
    });

    app.route({
      ...post('finish', 'the run has ended', FinishSchema, nothing),
      handler: async request => {
        const told = await runOf(request);
        const { id, state } = told;
        const report = cleanFinish(request.body);
        // A finish that is told twice was recorded the first time.
        if (state === report.outcome) return {};
        // A run of a repository that has left the policy ends as it says, but its plan is of no use to anybody.
        const stored = repositoryOf(told).ok && (await plans.has(id));
        await heard(
          id,
          async run => {
            const done = finish(run, report, now());
            if (!done.ok) return done;
            if (isAppliable(done.value, stored)) return ok({ ...done.value, planId: id });
            return ok({ ...done.value, ...(await appliedChanges(done.value)) });
          },
          run => {
            const audit = auditEvent('ended', run);
            return isAppliable(run, stored) ? { audit, receipt: receiptFor(run, report) } : { audit };
          },
        );
        wake();
        return {};
      },
    });
  };

  /** What the door says of a resolved source: may the plan be kept, or which plan does the apply take. */
  async function admit(
    run: RunRecord,
    refText: string,
    commit: string,
  ): Promise<Result<{ keepPlan: boolean; planId?: string }>> {
    const repository = repositoryOf(run);
    const ref = fullRef(refText);
    const path = canonicalPath(run.request.path);
    if (!repository.ok) return repository;
    if (!ref.ok) return ref;
    if (!path.ok) return path;
    const { command } = run.request;
    if (allowsRef(repository.value, command, path.value, ref.value, run.asker) === undefined)
      return refuse('E_REF_NOT_ALLOWED', `no rule allows ${command} of this path from \`${refText}\``);
    if (command === 'plan') {
      const appliable = run.refs !== 'reachable' && mayBeApplied(repository.value, path.value, ref.value);
      return { ok: true, value: { keepPlan: appliable } };
    }
    const wanted = {
      repo: run.repo,
      path: path.value,
      commit,
      now: new Date(now()).toISOString(),
      ...(run.request.planId === undefined ? {} : { planId: run.request.planId }),
    };
    const receipt = await findReceipt(ledger, wanted, keys.receipt);
    return receipt.ok ? { ok: true, value: { keepPlan: false, planId: receipt.value.planId } } : receipt;
  }

  /** A saved plan that was applied to its end has done exactly what it said: nothing else needs to be counted. */
  async function appliedChanges(run: RunRecord): Promise<Pick<RunRecord, 'counts' | 'changes'>> {
    if (run.request.command !== 'apply' || run.state !== 'succeeded' || run.planId === undefined) return {};
    const { counts, changes } = (await ledger.get(run.planId)) ?? {};
    return { ...(counts ? { counts } : {}), ...(changes ? { changes } : {}) };
  }

  function receiptFor(run: RunRecord, report: Finish): Receipt {
    const repository = orThrow(repositoryOf(run));
    const path = orThrow(canonicalPath(run.request.path));
    const { planHours } = stackSettings(repository, path);
    return {
      planId: run.id,
      repo: run.repo,
      path,
      ref: run.ref ?? '',
      commit: run.commit ?? '',
      mode: run.request.mode ?? 'normal',
      planDigest: run.upload?.digest ?? '',
      planSize: run.upload?.size ?? 0,
      tool: report.tool ?? { binary: 'unknown', version: 'unknown' },
      ...(report.lockDigest === undefined ? {} : { lockDigest: report.lockDigest }),
      ...(report.state?.lineage === undefined ? {} : { stateLineage: report.state.lineage }),
      ...(report.state?.before === undefined ? {} : { stateSerial: report.state.before }),
      caller: run.caller,
      ...(run.asker.identity ? { user: userOf(run.asker.identity) } : {}),
      createdAt: new Date(now()).toISOString(),
      expiresAt: new Date(now() + planHours * 3_600_000).toISOString(),
    };
  }
}

/** A plan leaves a receipt when it succeeded, its ref may be applied, and its file has arrived. */
const isAppliable = (run: RunRecord, stored: boolean): boolean =>
  run.request.command === 'plan' && run.state === 'succeeded' && run.keepPlan && run.upload !== undefined && stored;

/** A worker that ran unreviewed code may have written these words: one line each, no colour, nothing a terminal obeys. */
function cleanFinish(report: Finish): Finish {
  const { error, changes, tool } = report;
  return {
    ...report,
    ...(error
      ? {
          error: {
            ...error,
            message: withoutColour(error.message),
            ...(error.fix === undefined ? {} : { fix: withoutColour(error.fix) }),
          },
        }
      : {}),
    ...(changes ? { changes: changes.map(change => ({ ...change, address: withoutColour(change.address) })) } : {}),
    ...(tool ? { tool: { binary: withoutColour(tool.binary), version: withoutColour(tool.version) } } : {}),
  };
}
