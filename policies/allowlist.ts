/** The policy as it is trusted: made only from a file in which no problem was found. */
import type { AllowlistBody, RepositoryBody, RuleBody } from './allowlist-schema.ts';
import type { GateRule } from './contract/gate.ts';
import type { Command } from './contract/request.ts';
import { conditionOf, type IdentityBody, type IdentityCondition } from './identity-condition.ts';
import type { IssuerBody } from './issuers/issuer-schema.ts';
import { type KindName, kinds } from './issuers/kinds.ts';
import { type Pattern, patternOf } from './pattern.ts';
import { type RunAs, runAsOf } from './run-as.ts';
import type { StackBody } from './stack-schema.ts';

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
  readonly modules: readonly ModuleRepository[];
  readonly rules: readonly Rule[];
  readonly stacks: readonly StackEntry[];
  /** The policy with this repository alone, as it was written: what a worker gets, and checks again. */
  readonly body: AllowlistBody;
}

/** A private repository that stacks may take modules from, reached with its own key. */
export interface ModuleRepository {
  readonly url: string;
  readonly deployKey: string;
  readonly knownHosts: string;
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

/** How one stack runs. `minutes` ends a run, `planHours` the time in which its plan may be applied; sizes are in MiB. */
export interface StackSettings {
  readonly binary: 'terraform' | 'tofu' | 'terragrunt';
  readonly version?: string;
  readonly backend?: { readonly type: string; readonly config: Readonly<Record<string, string>> };
  /** The stacks whose state this one may read. */
  readonly reads: readonly Pattern[];
  /** `generated`: a plan may make a lock file where none is committed, and its apply uses that one. */
  readonly lockFile: 'required' | 'generated';
  readonly providers: { readonly allow: readonly string[]; readonly mirror?: string };
  /** Where modules may come from besides the repository itself and its `modules`. */
  readonly moduleSources: readonly string[];
  readonly gateAllow: readonly GateRule[];
  /** On AWS; one machine has workers of its own. */
  readonly worker: 'lambda' | 'fargate' | 'auto';
  readonly plan: RunAs;
  readonly apply: RunAs;
  readonly minutes: number;
  readonly planHours: number;
  readonly memoryMb: number;
  readonly processes: number;
  readonly diskMb: number;
  readonly outputMb: number;
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
  modules: (body.modules ?? []).map(({ url, deploy_key, known_hosts }) => ({
    url,
    deployKey: deploy_key,
    knownHosts: known_hosts,
  })),
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

export function stackEntryOf({ paths, limits = {}, ...body }: StackBody): StackEntry {
  const { binary, version, backend, reads, lock_file, providers, module_sources, gate, worker, plan, apply } = body;
  return {
    paths: paths.map(patternOf),
    settings: given({
      binary,
      version,
      backend,
      reads: reads?.map(patternOf),
      lockFile: lock_file,
      providers: providers && { allow: everyday, ...providers },
      moduleSources: module_sources,
      gateAllow: gate?.allow,
      worker,
      plan: plan && runAsOf(plan),
      apply: apply && runAsOf(apply),
      minutes: limits.minutes,
      planHours: limits.plan_hours,
      memoryMb: limits.memory_mb,
      processes: limits.processes,
      diskMb: limits.disk_mb,
      outputMb: limits.output_mb,
    }),
  };
}

const everyday = ['hashicorp/*'];

/** What holds where no entry of `stacks` says anything else. */
export const usualSettings: StackSettings = {
  binary: 'terraform',
  reads: [],
  lockFile: 'required',
  providers: { allow: everyday },
  moduleSources: [],
  gateAllow: [],
  worker: 'auto',
  plan: { envSecrets: [] },
  apply: { envSecrets: [] },
  minutes: 30,
  planHours: 24,
  memoryMb: 4096,
  processes: 512,
  diskMb: 8192,
  outputMb: 256,
};

const given = (all: { readonly [Key in keyof StackSettings]: StackSettings[Key] | undefined }) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<StackSettings>;
