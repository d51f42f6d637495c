/** Judges a recorded run again: one answer for the worker that claims it, and for the door at its claim, source and apply. */
import type { Policy, Repository } from './allowlist.ts';
import type { Reason } from './asker.ts';
import { ok, type Result, refuse } from './contract/error.ts';
import type { Asker } from './contract/identity.ts';
import type { Request, RequestBody } from './contract/request.ts';
import { type AllowedRef, allowsRef, evaluate } from './evaluate.ts';
import { leadingReason } from './explain.ts';
import { quote } from './quote.ts';
import { fullRef } from './ref.ts';
import { canonicalRequest } from './request.ts';

/** A run as it is kept, and as it was asked for. */
export interface RecordedRun {
  readonly request: RequestBody;
  /** The policy's name for the repository. */
  readonly repo: string;
  readonly asker: Asker;
  /** What the ref of the request has turned out to be. */
  readonly ref?: string;
}

export interface Reviewed {
  readonly request: Request;
  readonly repository: Repository;
  readonly refs: readonly AllowedRef[] | 'reachable';
}

/** By `policy`, for whoever asked then; once the run has a ref, for that very ref. `saying` words a denial. Pure. */
export function review(
  policy: Policy,
  run: RecordedRun,
  saying: (reason: Reason) => string = ({ message }) => message,
): Result<Reviewed> {
  const canonical = canonicalRequest({ ...run.request, repo: run.repo });
  if (!canonical.ok) return canonical;
  const request = canonical.value;
  const decision = evaluate(policy, request, run.asker);
  if (decision.outcome === 'deny') {
    const reason = leadingReason(decision.reasons);
    return refuse(reason.code, saying(reason));
  }
  const { repository, refs } = decision;
  const reviewed = ok({ request, repository, refs });
  if (run.ref === undefined) return reviewed;
  const ref = fullRef(run.ref);
  if (!ref.ok) return ref;
  const { command, path } = request;
  return allowsRef(repository, command, path, ref.value, run.asker)
    ? reviewed
    : refuse('E_REF_NOT_ALLOWED', `no rule allows ${command} of this path from ${quote(ref.value)}`);
}
