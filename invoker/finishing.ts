/** A worker tells how its run has ended: a plan that may be applied leaves its receipt, signed in the same transaction. */
import type { Repository } from '../policies/allowlist.ts';
import type { Finish } from '../policies/contract/worker.ts';
import { auditEvent } from './audit-event.ts';
import { cleanReport } from './clean-report.ts';
import type { Effects } from './ledger.ts';
import { receiptOf } from './plan-receipt.ts';
import { finish, type RunRecord } from './run.ts';
import type { Step } from './update.ts';
import type { WorkerDoorParts } from './worker-operations.ts';

type Heard = (id: string, step: Step, effects: (next: RunRecord) => Effects) => Promise<RunRecord>;

export function finishing({ ledger, plans, policy, now, wake }: WorkerDoorParts) {
  /** A saved plan that was applied to its end has done exactly what it said: nothing else needs to be counted. */
  const appliedChanges = async (run: RunRecord): Promise<Pick<RunRecord, 'counts' | 'changes'>> => {
    if (run.request.command !== 'apply' || run.state !== 'succeeded' || run.planId === undefined) return {};
    const { counts, changes } = (await ledger.get(run.planId)) ?? {};
    return { ...(counts ? { counts } : {}), ...(changes ? { changes } : {}) };
  };

  /** Undefined where no plan is kept. A run whose repository has left the policy ends as it says; its plan is of no use. */
  const repositoryOfPlan = async (run: RunRecord, { outcome }: Finish): Promise<Repository | undefined> => {
    // INVARIANT: only a plan that is to be kept asks for more than the ledger. An apply that is over ends as it says
    // whatever else cannot be read just then, while a plan is told again until its receipt can be made.
    const isKept = run.request.command === 'plan' && run.keepPlan && run.upload !== undefined;
    if (!isKept || outcome !== 'succeeded' || !(await plans.has(run.id))) return undefined;
    return (await policy.current()).policy.repositories.get(run.repo);
  };

  return async (asking: RunRecord, told: Finish, heard: Heard): Promise<void> => {
    const { id } = asking;
    const report = cleanReport(told);
    // A finish that is told twice was recorded the first time.
    if (asking.state === report.outcome) return;
    const repository = await repositoryOfPlan(asking, report);
    const receiptFor = (run: RunRecord) => repository && receiptOf(repository, run, report, now());
    await heard(
      id,
      async run => {
        const done = finish(run, report, now());
        if (!done.ok) return done;
        if (receiptFor(done.value)) return { ok: true, value: { ...done.value, planId: id } };
        return { ok: true, value: { ...done.value, ...(await appliedChanges(done.value)) } };
      },
      run => {
        const receipt = receiptFor(run);
        return { audit: auditEvent('ended', run), ...(receipt ? { receipt } : {}) };
      },
    );
    await wake();
  };
}
