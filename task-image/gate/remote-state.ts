/** Which other state a module reads: only that of stacks which `reads` names, in the backend the policy gives them. */
import type { Repository } from '../../policies/allowlist.ts';
import { type CanonicalPath, canonicalPath } from '../../policies/path.ts';
import { matches } from '../../policies/pattern.ts';
import { stackSettings } from '../../policies/stack.ts';
import { type Block, bodiesAt, literal } from '../hcl/document.ts';
import { finding } from './finding.ts';
import { type Rule, typedBlocks, type Wanted } from './module.ts';

export const remoteState: Rule = ({ files }, wanted) =>
  files.flatMap(({ file, root }) =>
    typedBlocks(root)
      .filter(({ type, labels }) => type !== 'resource' && /^terraform_remote_state$/i.test(labels[0] ?? ''))
      .flatMap(block => {
        const why = problem(block, wanted);
        return why === undefined ? [] : [finding(file, block, 'remote-state', why, fix)];
      }),
  );

const fix =
  "read a stack of this repository, written as the policy's backend is, and have an admin add its path to `reads`";

/** Names that change which state is read, or nothing about it. */
const known: ReadonlySet<string> = new Set([
  'backend',
  'config',
  'defaults',
  'workspace',
  'depends_on',
  'provider',
  'count',
  'for_each',
  'lifecycle',
]);

function problem({ body }: Block, { repository, settings }: Wanted): string | undefined {
  const unknown = Object.keys(body).find(name => !known.has(name));
  if (unknown !== undefined) return 'it has arguments that no remote state has';
  if (body.workspace !== undefined && literal(body.workspace) !== 'default') return 'it names a workspace';
  const type = literal(body.backend);
  const [config, another] = bodiesAt(body, ['config']);
  if (type === undefined || config === undefined || another !== undefined) return notOutright;
  const entries = Object.entries(config).filter(([, value]) => value !== null);
  const said: [string, string][] = [];
  for (const [name, value] of entries) {
    const text = typeof value === 'boolean' || typeof value === 'number' ? String(value) : literal(value);
    if (text === undefined || literal(name) === undefined) return notOutright;
    said.push([name, text]);
  }
  const read = stacksOf(said, repository).filter(
    ({ backend }) => backend?.type === type && agrees(said, backend.config, repository),
  );
  if (read.length === 0) return 'it reads a state that is of no stack the policy knows';
  return read.some(({ path }) => settings.reads.some(pattern => matches(pattern, path)))
    ? undefined
    : `it reads the state of ${read[0]?.path}, which \`reads\` does not name`;
}

const notOutright = 'its backend is not said outright';

type Said = readonly (readonly [string, string])[];

/** Templates of the policy that make a backend's argument out of a path. */
const templatesOf = (repository: Repository): [string, string][] =>
  repository.stacks.flatMap(({ settings }) =>
    Object.entries(settings.backend?.config ?? {}).filter(([, template]) => template.includes('{path}')),
  );

/** Stacks for which the policy's own templates could have made these values. */
function stacksOf(said: Said, repository: Repository) {
  const paths = templatesOf(repository).flatMap(([key, template]) =>
    said.flatMap(([name, value]) => (name === key ? pathIn(template, value, repository) : [])),
  );
  return [...new Set(paths)].map(path => ({ path, backend: stackSettings(repository, path).backend }));
}

/** What `{path}` may stand for in a value; whether it does is seen by making the value again. */
function pathIn(template: string, value: string, repository: Repository): CanonicalPath[] {
  const [before = '', after = ''] = template.replaceAll('{repo}', repository.name).split('{path}');
  const rest = value.slice(before.length);
  const path = canonicalPath(after === '' ? rest : rest.slice(0, rest.indexOf(after)));
  return path.ok ? [path.value] : [];
}

/** INVARIANT: what makes it this stack's state is said, and nothing that is said is otherwise. */
function agrees(said: Said, config: Readonly<Record<string, string>>, repository: Repository): boolean {
  const names = new Set(said.map(([name]) => name));
  return (
    templatesOf(repository).every(([key]) => !Object.hasOwn(config, key) || names.has(key)) &&
    said.every(([name, value]) => Object.hasOwn(config, name) && config[name] === value)
  );
}
