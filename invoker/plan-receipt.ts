/** Which plans are kept, and the receipt that a kept plan leaves. Pure. */
import type { Repository } from '../policies/allowlist.ts';
import { userOf } from '../policies/contract/identity.ts';
import type { Receipt } from '../policies/contract/receipt.ts';
import type { Finish } from '../policies/contract/worker.ts';
import { mayBeApplied } from '../policies/evaluate.ts';
import { canonicalPath } from '../policies/path.ts';
import { fullRef } from '../policies/ref.ts';
import { stackSettings } from '../policies/stack.ts';
import type { RunRecord } from './run.ts';

/**
 * A plan of a ref that somebody may apply; one of a bare commit is for looking at. INVARIANT: where runs share environments,
 * no plan is kept that was made beside unreviewed code: there every reading of the ref that was asked for must be one that
 * may be applied (`poolOf`).
 */
export function keepsPlan(repository: Repository, run: RunRecord, refText: string): boolean {
  const path = canonicalPath(run.request.path);
  const ref = fullRef(refText);
  if (run.request.command !== 'plan' || run.refs === 'reachable' || !path.ok || !ref.ok) return false;
  const readings = run.worker === 'lambda' ? run.refs.map(allowed => allowed.ref) : [];
  return [ref.value, ...readings].every(one => mayBeApplied(repository, path.value, one, run.asker));
}

/** The receipt of a plan that has succeeded and whose file has arrived; undefined for every other run. */
export function receiptOf(repository: Repository, run: RunRecord, report: Finish, now: number): Receipt | undefined {
  const path = canonicalPath(run.request.path);
  const { upload, ref, commit } = run;
  const isKept = run.request.command === 'plan' && run.state === 'succeeded' && run.keepPlan;
  if (!isKept || !path.ok || upload === undefined || ref === undefined || commit === undefined) return undefined;
  const { planHours } = stackSettings(repository, path.value);
  const { identity } = run.asker;
  return {
    planId: run.id,
    repo: run.repo,
    path: path.value,
    ref,
    commit,
    mode: run.request.mode ?? 'normal',
    planDigest: upload.digest,
    planSize: upload.size,
    tool: report.tool ?? { binary: 'unknown', version: 'unknown' },
    ...(report.lockDigest === undefined ? {} : { lockDigest: report.lockDigest }),
    ...(report.state?.lineage === undefined ? {} : { stateLineage: report.state.lineage }),
    ...(report.state?.before === undefined ? {} : { stateSerial: report.state.before }),
    caller: run.caller,
    ...(identity ? { user: userOf(identity) } : {}),
    createdAt: new Date(now).toISOString(),
    expiresAt: new Date(now + planHours * 3_600_000).toISOString(),
  };
}
