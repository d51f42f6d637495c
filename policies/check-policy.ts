/** Checks a policy against its schema and its rules among each other, and collects everything that is wrong with it. */
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { issuerOfRule, type Policy, policyOf, type StackSettings, stackEntryOf } from './allowlist.ts';
import { type AllowlistBody, AllowlistSchema, type RepositoryBody } from './allowlist-schema.ts';
import { ok, type Result, refuse } from './contract/error.ts';
import { environmentNameFlaw } from './environment-name.ts';
import { flawOf } from './identity-condition.ts';
import { kinds } from './issuers/kinds.ts';
import { quote } from './quote.ts';
import { placeName, type SchemaProblem, schemaProblems } from './schema-problem.ts';
import { conflicts } from './stack.ts';

export interface PolicyProblem {
  /** Keys and indices from the top; the last one may be a key that is missing. */
  readonly path: readonly string[];
  readonly message: string;
  readonly fix: string;
}

export type CheckedPolicy =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

const schema = Compile(AllowlistSchema);

/** All problems of form are found first; how rules and stacks fit together is checked once every one can be read. */
export function checkPolicy(body: unknown): CheckedPolicy {
  if (!schema.Check(body)) return { ok: false, problems: formProblems(body) };
  const problems = Object.entries(body.repositories)
    .flatMap(([name, repository]) => [
      ...repositoryProblems(['repositories', name], repository),
      ...identityProblems(['repositories', name], repository, body),
      ...runAsProblems(['repositories', name], repository, applyRoles(body)),
    ])
    .concat(shared('repositories', 'url', body.repositories), shared('issuers', 'issuer', body.issuers ?? {}));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policy: policyOf(body) };
}

/** For a worker: one repository's section as the door sends it, `{version: 1, repositories: {name: body}}`. */
export function checkAllowlist(body: unknown): Result<Policy> {
  const checked = checkPolicy(body);
  if (checked.ok) return ok(checked.policy);
  const [first] = checked.problems;
  return refuse('E_BAD_REQUEST', checked.problems.map(({ message }) => message).join(', '), first?.fix);
}

/** TypeBox stops at eight errors by default: enough for a caller, too few for somebody who mends a file. */
function formProblems(body: unknown): PolicyProblem[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: 1000 });
  const errors = schema.Errors(body);
  Settings.Set({ maxErrors });
  return schemaProblems(AllowlistSchema, errors).map(inOurWords);
}

function inOurWords({ path, kind, message, fix }: SchemaProblem): PolicyProblem {
  const place = placeName(path, 'the policy');
  const key = path.at(-1) ?? '';
  if (kind === 'unknown' && path.length === 2 && (path[0] === 'repositories' || path[0] === 'issuers')) {
    return { path, message: `${place} does not have a name that can be used`, fix: `give ${nameForm}` };
  }
  if (kind === 'unknown' && path.at(-2) === 'env_secrets') {
    return { path, message: `${place} cannot be an environment variable here`, fix: environmentNameForm };
  }
  if (kind === 'unknown' && later.has(key)) {
    return { path, message: `${place} is not supported by this version, it would not be enforced`, fix };
  }
  return { path, message: `${place} ${message}`, fix };
}

const environmentNameForm = 'name it with at most 64 of A-Z, 0-9 and `_`, or as TF_VAR_name';
const nameForm = 'a name of at most 64 letters, digits, `.`, `_` and `-`';

/** Keys that a later version reads. Ignoring one would open what its writer meant to close. */
const later: ReadonlySet<string> = new Set(['dir', 'workspace', 'var_files', 'env', 'modes', 'expires']);

function repositoryProblems(
  at: readonly string[],
  { rules, modules = [], stacks = [] }: RepositoryBody,
): PolicyProblem[] {
  const twice = (section: string, key: string, texts: readonly string[], flaw: string, fix: string) =>
    texts.flatMap((text, index) =>
      texts.indexOf(text) < index ? [problem([...at, section, `${index}`, key], flaw, fix)] : [],
    );
  const entries = stacks.map(stackEntryOf);
  const clashes = entries.flatMap((entry, index) =>
    entries
      .slice(0, index)
      .flatMap((earlier, other) =>
        conflicts(earlier, entry).map(key =>
          problem(
            [...at, 'stacks', `${index}`],
            `sets ${writtenAs[key]} differently from stacks[${other}], for paths that both match`,
            'make the values equal, or the paths apart',
          ),
        ),
      ),
  );
  const [names, urls] = [rules.map(({ name }) => name), modules.map(({ url }) => url)];
  return [
    ...twice('rules', 'name', names, 'is the name of another rule too', 'give each rule its own name'),
    ...twice('modules', 'url', urls, 'is the url of another one too', 'keep one of the two'),
    ...clashes,
  ];
}

/** A rule asks for claims that its issuer's tokens have, and always for whose job it is. */
function identityProblems(at: readonly string[], { rules }: RepositoryBody, body: AllowlistBody): PolicyProblem[] {
  return rules.flatMap(({ identity, allow }, index) => {
    if (identity === undefined) return [];
    const place = [...at, 'rules', `${index}`, 'identity'];
    const issuer = issuerOfRule(body, identity);
    if (issuer === undefined)
      return [problem(place, 'does not say whose tokens it means', 'add `issuer`, the name of one of `issuers`')];
    const { forms, project } = kinds[issuer.kind];
    const wrong = Object.entries(identity).flatMap(([claim, value]) => {
      if (claim === 'issuer') return [];
      const form = Object.hasOwn(forms, claim) ? forms[claim] : undefined;
      const flaw = form === undefined ? `is not a claim of ${issuer.kind}` : flawOf(form, value);
      return flaw === '' ? [] : [problem([...place, claim], flaw, `its claims are ${Object.keys(forms).join(', ')}`)];
    });
    if (allow === undefined || Object.hasOwn(identity, project)) return wrong;
    return [...wrong, problem(place, 'would believe every project of its issuer', `add \`${project}\``)];
  });
}

/** A secret fills nothing but credentials, and code that nobody has reviewed never gets what an apply may do. */
function runAsProblems(
  at: readonly string[],
  { stacks = [] }: RepositoryBody,
  ofApplies: ReadonlySet<string>,
): PolicyProblem[] {
  return stacks.flatMap(({ plan, apply }, index) => {
    const flaws = Object.entries({ plan, apply }).flatMap(([command, { role, env_secrets = {} } = {}]) =>
      Object.keys(env_secrets).flatMap(name => {
        const flaw = environmentNameFlaw(name, role !== undefined);
        const place = [...at, 'stacks', `${index}`, command, 'env_secrets', name];
        return flaw ? [problem(place, flaw.message, flaw.fix)] : [];
      }),
    );
    if (plan?.role === undefined || !ofApplies.has(plan.role)) return flaws;
    const place = [...at, 'stacks', `${index}`, 'plan', 'role'];
    return [...flaws, problem(place, 'is the role of an apply too', 'give plans a role of their own that only reads')];
  });
}

const applyRoles = ({ repositories }: AllowlistBody): ReadonlySet<string> =>
  new Set(Object.values(repositories).flatMap(({ stacks = [] }) => stacks.flatMap(({ apply }) => apply?.role ?? [])));

const writtenAs: Readonly<Record<keyof StackSettings, string>> = {
  binary: '`binary`',
  version: '`version`',
  backend: '`backend`',
  reads: '`reads`',
  lockFile: '`lock_file`',
  providers: '`providers`',
  moduleSources: '`module_sources`',
  gateAllow: '`gate`',
  worker: '`worker`',
  plan: '`plan`',
  apply: '`apply`',
  minutes: '`limits.minutes`',
  planHours: '`limits.plan_hours`',
  memoryMb: '`limits.memory_mb`',
  processes: '`limits.processes`',
  diskMb: '`limits.disk_mb`',
  outputMb: '`limits.output_mb`',
};

/** A url stands for its repository in requests, an issuer for its entry in tokens, so each must say which. */
function shared<Key extends string>(
  section: 'repositories' | 'issuers',
  key: Key,
  entries: Readonly<Record<string, Readonly<Record<Key, string>>>>,
): PolicyProblem[] {
  const first = new Map<string, string>();
  return Object.entries(entries).flatMap(([name, { [key]: value }]) => {
    const other = first.get(value);
    if (other !== undefined)
      return [problem([section, name, key], `is the ${key} of ${quote(other)} too`, 'merge the two into one')];
    first.set(value, name);
    return [];
  });
}

const problem = (path: readonly string[], message: string, fix: string): PolicyProblem => ({
  path,
  message: `${placeName(path, 'the policy')} ${message}`,
  fix,
});
