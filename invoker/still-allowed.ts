/** Whether a run may still do what it was accepted for: one answer for its claim, its source and the start of its apply. */
import type { Policy, Repository } from '../policies/allowlist.ts';
import { ok, type Result, refuse } from '../policies/contract/error.ts';
import { allowsRef, evaluate } from '../policies/evaluate.ts';
import { fullRef } from '../policies/ref.ts';
import { canonicalRequest } from '../policies/request.ts';
import type { RunRecord } from './run.ts';

/** By the policy in force now, for whoever asked then; once the run has a ref, for that very ref. Pure. */
export function stillAllowed(policy: Policy, run: RunRecord): Result<Repository> {
  const request = canonicalRequest({ ...run.request, repo: run.repo });
  if (!request.ok) return request;
  const decision = evaluate(policy, request.value, run.asker);
  if (decision.outcome === 'deny') {
    const [reason] = decision.reasons;
    return refuse(reason?.code ?? 'E_DENIED_BY_RULE', 'the policy has changed and no longer allows this run');
  }
  if (run.ref === undefined) return ok(decision.repository);
  const ref = fullRef(run.ref);
  if (!ref.ok) return ref;
  const { command, path } = request.value;
  return allowsRef(decision.repository, command, path, ref.value, run.asker)
    ? ok(decision.repository)
    : refuse('E_REF_NOT_ALLOWED', `no rule allows ${command} of this path from \`${ref.value}\``);
}
