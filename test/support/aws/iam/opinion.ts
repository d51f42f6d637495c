/** What each policy that applies to a request has to say of it, for itself. */
import type { Keys } from './context.ts';
import { type Nearness, named, nearness } from './named.ts';
import { type PolicyDocument, readPolicy, type Statement } from './policy-document.ts';
import type { Principal, Request } from './request.ts';
import { covers } from './statement.ts';

export interface Policies {
  readonly identity: readonly PolicyDocument[];
  readonly boundary?: PolicyDocument;
  readonly session?: PolicyDocument;
  /** The bucket's, key's or function's own; of a role, its trust. */
  readonly resource?: PolicyDocument;
  /** Of the VPC endpoint that the request passes. */
  readonly endpoint?: PolicyDocument;
}

export type Kind = 'identity' | 'boundary' | 'session' | 'resource policy' | 'endpoint';

/** The first statement that denies, and of those that allow the one that names who asks most nearly. */
export interface Opinion {
  readonly kind: Kind;
  readonly deny?: string | undefined;
  readonly allow?: string | undefined;
  readonly near: Nearness;
}

export function opinionsOf(policies: Policies, request: Request, keys: Keys): readonly Opinion[] {
  const { identity, boundary, session, resource, endpoint } = policies;
  if (!('arn' in request.principal) && (identity.length > 0 || boundary || session)) {
    throw new Error('policies of an identity for who is none');
  }
  const opinion = (kind: Kind, policy: PolicyDocument) => opinionOf(kind, readPolicy(policy), request, keys);
  return [
    ...identity.map(policy => opinion('identity', policy)),
    ...(boundary ? [opinion('boundary', boundary)] : []),
    ...(session ? [opinion('session', session)] : []),
    ...(resource ? [opinion('resource policy', resource)] : []),
    ...(endpoint ? [opinion('endpoint', endpoint)] : []),
  ];
}

function opinionOf(kind: Kind, policy: PolicyDocument, request: Request, keys: Keys): Opinion {
  // Every statement is read whole, so that what nobody knows comes to light with the first request.
  const spoken = policy.Statement.map((statement, at) => ({
    effect: statement.Effect,
    place: `${kind}: ${statement.Sid ?? `statement ${at + 1}`}`,
    near: nearnessIn(kind, statement, request.principal),
    covers: covers(statement, request, keys),
  })).filter(({ near, covers }) => covers && near !== 'not');
  const allows = spoken.filter(({ effect }) => effect === 'Allow');
  const near = nearness.findLast(one => allows.some(allow => allow.near === one)) ?? 'not';
  return {
    kind,
    deny: spoken.find(({ effect }) => effect === 'Deny')?.place,
    allow: allows.find(allow => allow.near === near)?.place,
    near,
  };
}

/** Policies of an identity are about that identity and name none; only a role's trust is about no further resource. */
function nearnessIn(kind: Kind, statement: Statement, principal: Principal): Nearness {
  if (kind === 'resource policy') return named(statement, principal);
  if (!statement.Resource && !statement.NotResource) throw new Error(`no resource in a policy of ${kind}`);
  if (kind === 'endpoint') return named(statement, principal);
  if (statement.Principal) throw new Error(`a principal in a policy of ${kind}`);
  return 'itself';
}
