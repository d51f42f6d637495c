/** Decides whether the policy allows a request: default deny, deny beats allow, the order of rules is of no account. */
import type { Policy, Repository, Rule } from './allowlist.ts';
import { namesOf, type Reason, strangeness, tokenReasons } from './asker.ts';
import type { ErrorCode } from './contract/error.ts';
import { type Asker, nobodyInParticular } from './contract/identity.ts';
import type { Command, Request } from './contract/request.ts';
import { aboutRef, mayBeMeant, unmet } from './identity-condition.ts';
import type { CanonicalPath } from './path.ts';
import { matches, type Pattern } from './pattern.ts';
import { quote } from './quote.ts';
import { type FullRef, isMergeRequestRef } from './ref.ts';

/** `refs`: what the asked ref may turn out to be; `reachable`: the commit, where a ref that `allowsRef` reaches it. */
export type Decision =
  | {
      readonly outcome: 'allow';
      readonly rule: string;
      readonly repository: Repository;
      readonly refs: readonly AllowedRef[] | 'reachable';
      /** The commit that the caller's token is for: an apply is of this one and no other. */
      readonly commit?: string;
    }
  | { readonly outcome: 'deny'; readonly reasons: readonly Reason[] };

export interface AllowedRef {
  readonly ref: FullRef;
  readonly rule: string;
}

/** A denial has all its reasons, the most telling first; they name rules, never their patterns. Total and pure. */
export function evaluate(policy: Policy, request: Request, asker: Asker = nobodyInParticular): Decision {
  const repository = repositoryFor(policy, request.repo, asker);
  if (repository === undefined)
    return { outcome: 'deny', reasons: [unknownRepository(request), ...ungranted(request)] };
  const { command, path } = request;
  const asked = askedRefs(request, asker);
  const rulings = asked.map(ref => rulingOn(repository, { command, path, asker }, ref));
  const granted = rulings.flatMap(({ ref, rule }) => (rule === undefined ? [] : [{ ref, rule: rule.name }]));
  const [first] = granted;
  const reasons = [
    ...tokenReasons(request, asker),
    ...(first === undefined && asked.length > 0 ? denials(repository, { command, path, asker }, rulings) : []),
    ...commitReasons(request),
    ...ungranted(request),
  ];
  if (first === undefined || reasons.length > 0) return { outcome: 'deny', reasons };
  const refs = granted.flatMap(({ ref, rule }) => (ref === undefined ? [] : [{ ref, rule }]));
  return {
    outcome: 'allow',
    rule: first.rule,
    repository,
    refs: request.ref.kind === 'commit' ? 'reachable' : refs,
    ...(command === 'apply' && asker.identity && { commit: asker.identity.commit }),
  };
}

/**
 * Whether anybody at all may apply what this asker plans from this ref: then it is reviewed code, and its plan is kept for
 * whoever that will be. What a rule asks of the ref (`ref_protected`) only a token for that very ref can tell; where
 * none does, it is not met.
 */
export function mayBeApplied(
  { rules }: Repository,
  path: CanonicalPath,
  ref: FullRef,
  { identity: teller }: Asker,
): boolean {
  const told = teller?.ref === ref && !teller.isMergeRequest ? teller : undefined;
  const covering = rules
    .filter(({ commands, paths, refs }) => commands.has('apply') && covers(paths, path) && covers(refs, ref))
    .map(({ effect, identity }) => ({ effect, identity, asked: identity && aboutRef(identity) }));
  const isAllowed = covering.some(
    ({ effect, asked }) =>
      effect === 'allow' && (asked === undefined || (told !== undefined && unmet(asked, told).length === 0)),
  );
  const isDenied = covering.some(
    ({ effect, identity, asked }) =>
      effect === 'deny' && (identity === undefined || (asked && (told === undefined || mayBeMeant(asked, told)))),
  );
  return isAllowed && !isDenied && mayRun('apply', ref);
}

/** The rule that allows the command at the path from this very ref; undefined where it is denied. */
export function allowsRef(
  repository: Repository,
  command: Command,
  path: CanonicalPath,
  ref: FullRef,
  asker: Asker = nobodyInParticular,
): { readonly rule: string } | undefined {
  const { rule } = rulingOn(repository, { command, path, asker }, ref);
  return rule && { rule: rule.name };
}

/** A name cannot look like a url, so no repository can pass for another. */
export function findRepository({ repositories }: Policy, repo: string | undefined): Repository | undefined {
  const all = [...repositories.values()];
  if (repo === undefined) return all.length === 1 ? all[0] : undefined;
  return repositories.get(repo) ?? all.find(({ url }) => url === repo);
}

/** To somebody for whom no rule of it is, a repository that is named is like one that is not there: names are not to be guessed. */
function repositoryFor(policy: Policy, repo: string | undefined, asker: Asker): Repository | undefined {
  const repository = findRepository(policy, repo);
  const isForAsker = (rule: Rule): boolean => rule.effect === 'allow' && strangeness(rule, 'plan', asker) === undefined;
  return repo === undefined || repository?.rules.some(isForAsker) ? repository : undefined;
}

/**
 * Nobody knows yet which refs reach a commit: `undefined` stands for one that is still to be found. An apply is from the
 * ref that the token is for: of a name that may be a branch or a tag, only that is left.
 */
function askedRefs({ command, ref }: Request, { identity }: Asker): readonly (FullRef | undefined)[] {
  const asked = namesOf(ref);
  return command === 'apply' && identity ? asked.filter(name => name === identity.ref) : asked;
}

/** What is asked of the rules, but for the ref. */
interface Ask {
  readonly command: Command;
  readonly path: CanonicalPath;
  readonly asker: Asker;
}

interface Ruling {
  readonly ref: FullRef | undefined;
  readonly denies: readonly Rule[];
  readonly allows: readonly Rule[];
  /** The rule that allows, where none denies. */
  readonly rule: Rule | undefined;
}

function rulingOn({ rules }: Repository, { command, path, asker }: Ask, ref: FullRef | undefined): Ruling {
  const inPlace = rules.filter(rule => rule.commands.has(command) && covers(rule.paths, path));
  const covering = inPlace.filter(rule => strangeness(rule, command, asker) === undefined);
  // A ref that is not known yet: a rule that denies some refs may not mean it, one that allows some may.
  const denies = covering.filter(
    ({ effect, refs }) => effect === 'deny' && (ref === undefined ? refs === undefined : covers(refs, ref)),
  );
  const allows = covering.filter(
    ({ effect, refs }) => effect === 'allow' && (ref === undefined || (covers(refs, ref) && mayRun(command, ref))),
  );
  return { ref, denies, allows, rule: denies.length === 0 ? allows[0] : undefined };
}

const covers = (patterns: readonly Pattern[] | undefined, text: FullRef | CanonicalPath): boolean =>
  patterns === undefined || patterns.some(pattern => matches(pattern, text));

const mayRun = (command: Command, ref: FullRef): boolean => command === 'plan' || !isMergeRequestRef(ref);

function denials(repository: Repository, ask: Ask, rulings: readonly Ruling[]): Reason[] {
  const { command } = ask;
  const denying = new Set(rulings.flatMap(({ denies }) => denies.map(({ name }) => name)));
  const denied = [...denying].map(
    (rule): Reason => ({
      code: 'E_DENIED_BY_RULE',
      message: `rule ${quote(rule)} denies this ${command}`,
      rule,
    }),
  );
  return rulings.some(({ allows }) => allows.length > 0) ? denied : [...denied, ...nearest(repository, ask, rulings)];
}

/** What comes closest to allowing it: everything but the ref fits, or the path at least, or nothing. */
function nearest({ rules }: Repository, { command, path, asker }: Ask, rulings: readonly Ruling[]): Reason[] {
  const strange = rules.flatMap(rule => {
    const fits = rule.effect === 'allow' && rule.commands.has(command) && covers(rule.paths, path);
    const from = rulings.some(({ ref }) => ref === undefined || covers(rule.refs, ref));
    return (fits && from && strangeness(rule, command, asker)) || [];
  });
  if (strange.length > 0) return strange;
  const atPath = rules.filter(({ effect, paths }) => effect === 'allow' && covers(paths, path));
  if (atPath.length === 0) return [{ code: 'E_PATH_NOT_ALLOWED', message: 'no rule allows anything at this path' }];
  const sameCommand = atPath.filter(({ commands }) => commands.has(command));
  if (sameCommand.length > 0) {
    return sameCommand.map(({ name }) => ({
      code: 'E_REF_NOT_ALLOWED',
      message: `rule ${quote(name)} allows ${command} of this path, but not from this ref`,
      rule: name,
    }));
  }
  const other = command === 'plan' ? 'apply' : 'plan';
  return atPath.map(({ name }) => ({
    code: 'E_COMMAND_NOT_ALLOWED',
    message: `rule ${quote(name)} allows ${other} of this path, but not ${command}`,
    rule: name,
  }));
}

const unknownRepository = ({ repo }: Request): Reason => ({
  code: 'E_REPO_NOT_ALLOWED',
  message:
    repo === undefined
      ? 'the policy has more than one repository, and the request names none'
      : `repository ${quote(repo)} is not in the policy, or none of its rules is for whoever asks`,
});

const commitReasons = ({ command, ref }: Request): Reason[] =>
  command === 'apply' && ref.kind === 'commit'
    ? [{ code: 'E_COMMIT_PLAN_ONLY', message: 'a commit can be planned, but only a branch or tag can be applied' }]
    : [];

/** What a rule would have to grant, and none can in this version. */
function ungranted({ mode = 'normal', replace = [], reason, receipt = true }: Request): Reason[] {
  const no = (is: boolean, code: ErrorCode, what: string): Reason[] =>
    is ? [{ code, message: `no rule grants ${what}` }] : [];
  return [
    ...no(mode !== 'normal', 'E_MODE_NOT_ALLOWED', `mode ${quote(mode)}`),
    ...no(replace.length > 0, 'E_REPLACE_NOT_ALLOWED', '`replace`'),
    ...no(reason !== undefined, 'E_REASON_NOT_ALLOWED', 'anything that needs a `reason`'),
    ...no(!receipt, 'E_RECEIPT_NOT_ALLOWED', 'a plan without a receipt'),
  ];
}
