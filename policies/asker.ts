/** What whoever asks has to do with a decision: which rules are for them, and what their token is for. */
import type { Rule } from './allowlist.ts';
import type { ErrorCode } from './contract/error.ts';
import { type Asker, userOf } from './contract/identity.ts';
import type { Command, Request } from './contract/request.ts';
import { mayBeMeant, unmet } from './identity-condition.ts';
import { quote } from './quote.ts';
import type { CanonicalRef, FullRef } from './ref.ts';

/** `rule` is the rule that denies, or one that would allow something close to what was asked. */
export interface Reason {
  readonly code: ErrorCode;
  readonly message: string;
  readonly rule?: string;
}

/** Why a rule is not for whoever asks; undefined when it is. */
export function strangeness(rule: Rule, command: Command, { identity, planners }: Asker): Reason | undefined {
  const named = `rule ${quote(rule.name)}`;
  const strange = (code: ErrorCode, message: string): Reason => ({ code, message, rule: rule.name });
  if (rule.identity === undefined)
    return identity === undefined || rule.effect === 'deny'
      ? undefined
      : strange('E_CLAIM_NOT_ALLOWED', `${named} is for tokens of the server's own machine`);
  if (identity === undefined) return strange('E_CLAIM_NOT_ALLOWED', `${named} wants an ID token`);
  if (rule.effect === 'deny' && mayBeMeant(rule.identity, identity)) return undefined;
  const [missing] = unmet(rule.identity, identity);
  if (missing) {
    const { claim, given } = missing;
    const says = given === undefined ? 'does not have it' : `says ${quote(given)}`;
    return strange('E_CLAIM_NOT_ALLOWED', `${named} wants another ${quote(claim)}, the token ${says}`);
  }
  if (!rule.distinctApplier || command === 'plan') return undefined;
  if (planners.length === 0)
    return strange('E_SAME_PERSON', `${named} wants a plan by somebody else in a merge request, and there is none`);
  return planners.includes(userOf(identity))
    ? strange('E_SAME_PERSON', `${named} wants somebody to apply who did not plan it in the merge request`)
    : undefined;
}

/** A token is for one ref and one commit: of that commit alone it plans, and only what is merged, from that ref, it applies. */
export function tokenReasons(request: Request, { identity }: Asker): Reason[] {
  if (identity === undefined) return [];
  const { ref, sha } = request;
  const reasons: Reason[] = [];
  if (request.command === 'apply' && identity.isMergeRequest)
    return [
      { code: 'E_MERGE_REQUEST_PIPELINE', message: 'the token is from a merge request pipeline, which may only plan' },
    ];
  if (request.command === 'apply' && !namesOf(ref).some(name => name !== undefined && name === identity.ref))
    reasons.push({
      code: 'E_TOKEN_REF',
      message: `the token is for ${quote(identity.ref ?? 'no ref')}, the request for ${quote(ref.text)}`,
    });
  if (sha !== undefined && sha !== identity.commit)
    reasons.push({
      code: 'E_TOKEN_COMMIT',
      message: `the token is for commit ${identity.commit.slice(0, 12)}, the request for ${sha.slice(0, 12)}`,
    });
  return reasons;
}

/** The full names that a ref may turn out to have; `undefined` stands for those that a commit is reachable from. */
export function namesOf(ref: CanonicalRef): readonly (FullRef | undefined)[] {
  if (ref.kind === 'commit') return [undefined];
  return ref.kind === 'full' ? [ref.ref] : ref.candidates;
}
