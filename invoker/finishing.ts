/** A worker tells how its run has ended: a plan that may be applied leaves its receipt, signed in the same transaction. */
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

  return async ({ id, state }: RunRecord, told: Finish, heard: Heard): Promise<void> => {
    const report = cleanReport(told);
    // A finish that is told twice was recorded the first time.
    if (state === report.outcome) return;
    const [isStored, inForce] = await Promise.all([plans.has(id), policy.current()]);
    // A run of a repository that has left the policy ends as it says, but its plan is of no use to anybody.
    const receiptFor = (run: RunRecord) => {
      const repository = inForce.policy.repositories.get(run.repo);
      return isStored && repository ? receiptOf(repository, run, report, now()) : undefined;
    };
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
