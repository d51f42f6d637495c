/** The policy as it is trusted: made only from a file in which no problem was found. */
import type { AllowlistBody, RepositoryBody, RuleBody, StackBody } from './allowlist-schema.ts';
import type { Command } from './contract/request.ts';
import { type Pattern, patternOf } from './pattern.ts';

export { type AllowlistBody, AllowlistSchema, type RepositoryBody } from './allowlist-schema.ts';

export interface Policy {
  readonly repositories: ReadonlyMap<string, Repository>;
}

export interface Repository {
  readonly name: string;
  readonly url: string;
  readonly deployKey?: string;
  readonly knownHosts?: string;
  readonly rules: readonly Rule[];
  readonly stacks: readonly StackEntry[];
  /** As it was written: what a worker gets, and checks again. */
  readonly body: RepositoryBody;
}

/** What is left out of a deny rule matches everything; an allow rule has both. */
export interface Rule {
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  readonly commands: ReadonlySet<Command>;
  readonly refs?: readonly Pattern[];
  readonly paths?: readonly Pattern[];
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
  repositories: new Map(Object.entries(body.repositories).map(([name, inner]) => [name, repositoryOf(name, inner)])),
});

const repositoryOf = (name: string, body: RepositoryBody): Repository => ({
  name,
  url: body.url,
  ...(body.deploy_key !== undefined && { deployKey: body.deploy_key }),
  ...(body.known_hosts !== undefined && { knownHosts: body.known_hosts }),
  rules: body.rules.map(ruleOf),
  stacks: (body.stacks ?? []).map(stackEntryOf),
  body,
});

const ruleOf = ({ name, allow, deny, refs, paths }: RuleBody): Rule => ({
  name,
  effect: allow === undefined ? 'deny' : 'allow',
  commands: new Set(allow ?? deny),
  ...(refs && { refs: refs.map(patternOf) }),
  ...(paths && { paths: paths.map(patternOf) }),
});

export const stackEntryOf = ({ paths, limits, ...settings }: StackBody): StackEntry => ({
  paths: paths.map(patternOf),
  settings: {
    ...settings,
    ...(limits?.minutes !== undefined && { minutes: limits.minutes }),
    ...(limits?.plan_hours !== undefined && { planHours: limits.plan_hours }),
  },
});
