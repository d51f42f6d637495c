/** Says whether AWS would let a request through, given every policy that applies to it. */

import { arnParts } from './arn.ts';
import { keysOf, resourceAccount } from './context.ts';
import { type Kind, type Opinion, opinionsOf, type Policies } from './opinion.ts';
import type { Request } from './request.ts';

export type { Policies } from './opinion.ts';

/** `because` is the policy that allows, or what stands in the way; `statement` its `Sid`, or its place. */
export type Verdict =
  | { readonly allowed: true; readonly because: 'identity' | 'resource policy'; readonly statement: string }
  | { readonly allowed: false; readonly because: Obstacle; readonly statement?: string };

export type Obstacle =
  | 'explicit deny'
  | 'no allow in identity'
  | 'no allow in resource policy'
  | 'boundary'
  | 'session'
  | 'endpoint';

/**
 * AWS's evaluation of the policies of one account, and of two: an explicit deny anywhere, then what must allow.
 * Policies of organizations are not known here. Throws at whatever it could only guess about.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
 */
export function judge(request: Request, policies: Policies): Verdict {
  if (!/^[a-z0-9-]+:[A-Za-z0-9]+$/.test(request.action)) throw new Error(`${request.action} is no action`);
  const opinions = opinionsOf(policies, request, keysOf(request));

  const denies = opinions.find(({ deny }) => deny !== undefined)?.deny;
  if (denies !== undefined) return { allowed: false, because: 'explicit deny', statement: denies };

  const of = (kind: Kind) => opinions.filter(opinion => opinion.kind === kind);
  const allowing = (kind: Kind) => of(kind).find(({ allow }) => allow !== undefined);
  const bars = (kind: Kind) => of(kind).length > 0 && !allowing(kind);
  if (bars('endpoint')) return { allowed: false, because: 'endpoint' };

  const byResource = allowing('resource policy');
  const both = needsBoth(request);
  if (!byResource && (both || onlyByResource(request)))
    return { allowed: false, because: 'no allow in resource policy' };
  // Whom a resource's policy names as itself needs nothing else, and neither boundary nor session policy limits that.
  if (byResource?.near === 'itself' && !both) return allowedBy(byResource);
  const granting = byResource?.near === 'role' && !both ? byResource : allowing('identity');
  if (!granting) return { allowed: false, because: 'no allow in identity' };
  if (bars('boundary')) return { allowed: false, because: 'boundary' };
  if (bars('session')) return { allowed: false, because: 'session' };
  return allowedBy(granting);
}

/** Two accounts both have a say; and a source identity needs the word of who sets it, whatever the trust says. */
const needsBoth = (request: Request): boolean =>
  'arn' in request.principal &&
  (request.principal.account !== resourceAccount(request) || request.action === 'sts:SetSourceIdentity');

/** A role's trust and a key's policy have the last word; and only such policies know services and web identities. */
function onlyByResource({ principal, action, resource }: Request): boolean {
  if (!('arn' in principal)) return true;
  const name = arnParts(resource)?.[5] ?? '';
  return (
    (action.startsWith('kms:') && name.startsWith('key/')) || (action.startsWith('sts:') && name.startsWith('role/'))
  );
}

const allowedBy = ({ kind, allow = '' }: Opinion): Verdict => ({
  allowed: true,
  because: kind === 'identity' ? 'identity' : 'resource policy',
  statement: allow,
});
