/** What a worker may begin: its source, and its apply, by the policy and the receipts as they are at that moment. */
import type { Policy, Repository } from '../policies/allowlist.ts';
import { ok, type Result, refuse } from '../policies/contract/error.ts';
import { review } from '../policies/review.ts';
import { findReceipt } from './find-receipt.ts';
import type { Ledger } from './ledger.ts';
import { keepsPlan } from './plan-receipt.ts';
import { plannersOf } from './planners.ts';
import type { PolicySource } from './policy-source.ts';
import type { RunRecord } from './run.ts';
import type { Seals } from './secret.ts';

export interface BeginningParts {
  readonly ledger: Ledger;
  readonly policy: PolicySource;
  readonly seals: Pick<Seals, 'isReceiptMac'>;
  readonly now: () => number;
}

export function beginning({ ledger, policy, seals, now }: BeginningParts) {
  const allowed = async (run: RunRecord): Promise<Result<Repository>> =>
    allowedBy((await policy.current()).policy, run);

  /** What the door says of a resolved source: may the plan be kept, or which plan does the apply take. */
  async function mayResolve(
    run: RunRecord,
    ref: string,
    commit: string,
  ): Promise<Result<{ keepPlan: boolean; planId?: string }>> {
    const repository = await allowed(run);
    if (!repository.ok) return repository;
    if (run.request.command === 'plan') return ok({ keepPlan: keepsPlan(repository.value, run, ref) });
    const receipt = await receiptToSpend(run, commit, run.request.planId);
    return receipt.ok ? ok({ keepPlan: false, planId: receipt.value.planId }) : receipt;
  }

  /** The policy and the receipt as they are when the apply begins decide whether it may; a cancel that came first wins. */
  async function mayBegin(run: RunRecord): Promise<Result<unknown>> {
    if (run.cancelRequested) return refuse('E_CANCELED', 'the run was canceled');
    const planners = run.asker.identity ? await plannersOf(ledger, run.repo, run.request.path) : [];
    const repository = await allowed({ ...run, asker: { ...run.asker, planners } });
    return repository.ok ? receiptToSpend(run, run.commit, run.planId) : repository;
  }

  function receiptToSpend(run: RunRecord, commit: string | undefined, planId: string | undefined) {
    return findReceipt(
      ledger,
      {
        repo: run.repo,
        path: run.request.path,
        now: new Date(now()).toISOString(),
        ...(commit === undefined ? {} : { commit }),
        ...(planId === undefined ? {} : { planId }),
      },
      seals,
    );
  }

  return { allowed, mayResolve, mayBegin };
}

/** The repository of the run, where this policy still allows it. */
export function allowedBy(inForce: Policy, run: RunRecord): Result<Repository> {
  const reviewed = review(inForce, run, () => 'the policy has changed and no longer allows this run');
  return reviewed.ok ? ok(reviewed.value.repository) : reviewed;
}
