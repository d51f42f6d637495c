/** Lets a request in as a run, or refuses it: the policy in force, whoever asks, the plan it names, and what was asked before. */
import type { Policy } from '../policies/allowlist.ts';
import { type Asker, type Identity, nobodyInParticular, userOf } from '../policies/contract/identity.ts';
import type { Request } from '../policies/contract/request.ts';
import { type Decision, evaluate, findRepository } from '../policies/evaluate.ts';
import { explainDenial, leadingReason } from '../policies/explain.ts';
import { auditEvent } from './audit-event.ts';
import type { Who } from './bearer.ts';
import { DoorError, orThrow } from './errors.ts';
import { findReceipt } from './find-receipt.ts';
import type { Ledger } from './ledger.ts';
import { isSameRequest, onceOf } from './once.ts';
import { plannersOf } from './planners.ts';
import type { PolicySource } from './policy-source.ts';
import { newRun, type RunRecord } from './run.ts';
import { newRunId, type Seals } from './secret.ts';

export interface AdmissionParts {
  readonly ledger: Ledger;
  readonly policy: PolicySource;
  readonly seals: Pick<Seals, 'isReceiptMac'>;
  readonly now: () => number;
  /** Runs that may wait at the same time. */
  readonly maxQueued: number;
  /** Of one user, so that nobody can keep everybody else out. */
  readonly maxQueuedPerUser: number;
}

export interface Admission {
  /** What the policy says; nothing starts. */
  readonly decide: (request: Request, identity: Identity | undefined) => Promise<Decision>;
  /** The run of this request: a new one, or the one it has made before. Throws a `DoorError` that refuses it. */
  readonly admit: (request: Request, who: Who, requestId: string) => Promise<RunRecord>;
}

export function admission({ ledger, policy, seals, now, maxQueued, maxQueuedPerUser }: AdmissionParts): Admission {
  /** The asker as the policy needs it: who planned what is looked up only for somebody who wants to apply. */
  const askerFor = async (inForce: Policy, request: Request, identity: Identity | undefined): Promise<Asker> => {
    if (identity === undefined) return nobodyInParticular;
    const repository = findRepository(inForce, request.repo);
    const isApply = request.command === 'apply' && repository !== undefined;
    return { identity, planners: isApply ? await plannersOf(ledger, repository.name, request.path) : [] };
  };

  const create = async (request: Request, who: Who, once: string | undefined, requestId: string) => {
    const { policy: inForce, digest } = await policy.current();
    const asker = await askerFor(inForce, request, who.identity);
    const decision = evaluate(inForce, request, asker);
    if (decision.outcome === 'deny') throw denied(request, decision.reasons);
    const { rule, refs, repository } = decision;
    const commit = await commitMeant(request, repository.name, decision.commit ?? request.sha ?? commitOf(request));
    const queued = await ledger.queued(who.identity && userOf(who.identity));
    if (queued.all >= maxQueued || queued.own >= maxQueuedPerUser)
      throw new DoorError({
        code: 'E_BUSY',
        message: queued.all >= maxQueued ? 'too many runs are waiting' : `${queued.own} runs of yours are waiting`,
        fix: 'ask again later',
      });
    const run = newRun({
      id: newRunId(),
      request,
      repo: repository.name,
      refs,
      rule,
      caller: who.caller,
      asker,
      now: now(),
      ...(once === undefined ? {} : { once }),
      ...(commit === undefined ? {} : { commit }),
    });
    return ledger.create(run, auditEvent('accepted', run, { requestId, policyDigest: digest }));
  };

  /** The commit that is known to be meant or, for an apply, its plan's: a plan that is missing starts no worker. */
  async function commitMeant(request: Request, repo: string, commit: string | undefined): Promise<string | undefined> {
    const { command, path, planId } = request;
    if (command === 'plan' || (planId === undefined && commit === undefined)) return commit;
    const wanted = {
      repo,
      path,
      now: new Date(now()).toISOString(),
      ...(commit === undefined ? {} : { commit }),
      ...(planId === undefined ? {} : { planId }),
    };
    return orThrow(await findReceipt(ledger, wanted, seals)).commit;
  }

  return {
    decide: async (request, identity) => {
      const { policy: inForce } = await policy.current();
      return evaluate(inForce, request, await askerFor(inForce, request, identity));
    },
    admit: async (request, who, requestId) => {
      const once = onceOf(request, who.identity);
      // A repeated request is answered as the first time, whatever has become of policy and plan since.
      const before = once === undefined ? undefined : await ledger.asked(once);
      const { run, created } = before ? { run: before, created: false } : await create(request, who, once, requestId);
      if (!created && !isSameRequest(run.request, request)) throw reusedRequestId();
      return run;
    },
  };
}

const commitOf = ({ ref }: Request): string | undefined => (ref.kind === 'commit' ? ref.commit : undefined);

const denied = (request: Request, reasons: Extract<Decision, { outcome: 'deny' }>['reasons']): DoorError => {
  const { message, fix } = explainDenial(request, reasons);
  const { code } = leadingReason(reasons);
  return new DoorError({ code, message, ...(fix === undefined ? {} : { fix }) }, reasons);
};

const reusedRequestId = () =>
  new DoorError({
    code: 'E_REQUEST_ID_REUSED',
    message: 'this `requestId`, or this job for this path and commit, has asked for something else before',
    fix: 'use a new `requestId`, or ask from a new job',
  });
