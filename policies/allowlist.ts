/** The policy as it is trusted: made only from a file in which no problem was found. */
import type { AllowlistBody, RepositoryBody, RuleBody, StackBody } from './allowlist-schema.ts';
import type { Command } from './contract/request.ts';
import { conditionOf, type IdentityBody, type IdentityCondition } from './identity-condition.ts';
import type { IssuerBody } from './issuers/issuer-schema.ts';
import { type KindName, kinds } from './issuers/kinds.ts';
import { type Pattern, patternOf } from './pattern.ts';

export { type AllowlistBody, AllowlistSchema, type RepositoryBody } from './allowlist-schema.ts';

export interface Policy {
  readonly issuers: ReadonlyMap<string, Issuer>;
  readonly trustInvoker: boolean;
  readonly repositories: ReadonlyMap<string, Repository>;
}

/** Whose ID tokens are believed. `jwks` is pinned; otherwise keys are fetched from `jwksUrl`. */
export interface Issuer {
  readonly name: string;
  readonly kind: KindName;
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl?: string;
  readonly jwks?: Readonly<NonNullable<IssuerBody['jwks']>>;
  readonly maxAgeSeconds: number;
}

export interface Repository {
  readonly name: string;
  readonly url: string;
  readonly deployKey?: string;
  readonly knownHosts?: string;
  readonly rules: readonly Rule[];
  readonly stacks: readonly StackEntry[];
  /** The policy with this repository alone, as it was written: what a worker gets, and checks again. */
  readonly body: AllowlistBody;
}

/** What is left out of a deny rule matches everything; an allow rule has both. */
export interface Rule {
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  readonly commands: ReadonlySet<Command>;
  readonly refs?: readonly Pattern[];
  readonly paths?: readonly Pattern[];
  /** Whom it is for. An allow rule without it is for tokens of the machine only, a deny rule without it for everybody. */
  readonly identity?: IdentityCondition;
  /** Who applies is not who planned it in a merge request. */
  readonly distinctApplier?: true;
}

/** How one stack runs. `minutes` ends a run, `planHours` the time in which its plan may be applied. */
export interface StackSettings {
  readonly binary: 'terraform' | 'tofu' | 'terragrunt';
  readonly version?: string;
  readonly backend?: { readonly type: string; readonly config: Readonly<Record<string, string>> };
  readonly minutes: number;
  readonly planHours: number;
}

export interface StackEntry {
  readonly paths: readonly Pattern[];
  readonly settings: Partial<StackSettings>;
}

/** INVARIANT: `body` has passed `checkPolicy`. */
export const policyOf = (body: AllowlistBody): Policy => ({
  issuers: new Map(Object.entries(body.issuers ?? {}).map(([name, inner]) => [name, issuerOf(name, inner)])),
  trustInvoker: body.trust_invoker ?? false,
  repositories: new Map(
    Object.entries(body.repositories).map(([name, inner]) => [name, repositoryOf(body, name, inner)]),
  ),
});

const issuerOf = (name: string, { kind, issuer, audience, jwks_url, jwks, max_age_seconds }: IssuerBody): Issuer => ({
  name,
  kind,
  issuer,
  audience,
  ...(jwks_url !== undefined && { jwksUrl: jwks_url }),
  ...(jwks !== undefined && { jwks }),
  maxAgeSeconds: max_age_seconds ?? 3600,
});

const repositoryOf = (policy: AllowlistBody, name: string, body: RepositoryBody): Repository => ({
  name,
  url: body.url,
  ...(body.deploy_key !== undefined && { deployKey: body.deploy_key }),
  ...(body.known_hosts !== undefined && { knownHosts: body.known_hosts }),
  rules: body.rules.map(rule => ruleOf(policy, rule)),
  stacks: (body.stacks ?? []).map(stackEntryOf),
  body: { ...policy, repositories: { [name]: body } },
});

const ruleOf = (policy: AllowlistBody, rule: RuleBody): Rule => ({
  name: rule.name,
  effect: rule.allow === undefined ? 'deny' : 'allow',
  commands: new Set(rule.allow ?? rule.deny),
  ...(rule.refs && { refs: rule.refs.map(patternOf) }),
  ...(rule.paths && { paths: rule.paths.map(patternOf) }),
  ...identityOf(policy, rule),
  ...(rule.distinct_applier && { distinctApplier: rule.distinct_applier }),
});

function identityOf(policy: AllowlistBody, { identity }: RuleBody): Pick<Rule, 'identity'> {
  const issuer = identity && issuerOfRule(policy, identity);
  return issuer === undefined || identity === undefined
    ? {}
    : { identity: conditionOf(issuer.name, kinds[issuer.kind], identity) };
}

/** The issuer that a rule's `identity` is about: the one it names, or the only one there is. */
export function issuerOfRule(
  { issuers = {} }: Pick<AllowlistBody, 'issuers'>,
  { issuer }: IdentityBody,
): { readonly name: string; readonly kind: KindName } | undefined {
  const names = Object.keys(issuers);
  const name = issuer === undefined && names.length === 1 ? names[0] : issuer;
  const body = typeof name === 'string' && Object.hasOwn(issuers, name) ? issuers[name] : undefined;
  return typeof name === 'string' && body ? { name, kind: body.kind } : undefined;
}

export const stackEntryOf = ({ paths, limits, ...settings }: StackBody): StackEntry => ({
  paths: paths.map(patternOf),
  settings: {
    ...settings,
    ...(limits?.minutes !== undefined && { minutes: limits.minutes }),
    ...(limits?.plan_hours !== undefined && { planHours: limits.plan_hours }),
  },
});
