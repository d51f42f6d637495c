/** A second evaluator, written from the words of the policy's documentation alone, for requests with a machine's token. */
import { parse } from 'yaml';
import { naiveJson } from './naive-json.ts';

export type NaiveOutcome = 'allow' | 'deny' | 'malformed';

interface Rule {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly refs?: readonly string[];
  readonly paths?: readonly string[];
  readonly identity?: object;
}
type Body = Readonly<Record<string, unknown>> & {
  readonly command: string;
  readonly path: string;
  readonly ref: string;
};

/** `policy` is the text of a policy without problems; what it answers is for the bytes of a body. */
export function naiveEvaluator(policy: string): (body: Uint8Array) => NaiveOutcome {
  const repositories: Record<string, { url: string; rules: Rule[] }> = parse(policy).repositories;
  const rulesOf = (repo: unknown): readonly Rule[] => {
    const all = Object.entries(repositories);
    const meant = repo === undefined ? all : all.filter(([name, { url }]) => name === repo || url === repo);
    return meant.length === 1 ? (meant[0]?.[1].rules ?? []) : [];
  };
  return bytes => {
    const json = bytes.length > 16_384 ? 'malformed' : naiveJson(bytes);
    if (json === 'malformed' || !isBody(json.value)) return 'malformed';
    return isGranted(json.value) && isAllowed(rulesOf(json.value.repo), json.value) ? 'allow' : 'deny';
  };
}

const shapes: Readonly<Record<string, (value: unknown) => boolean>> = {
  command: value => value === 'plan' || value === 'apply',
  path: value => typeof value === 'string' && isPath(value),
  ref: value => typeof value === 'string' && isRef(value),
  repo: value => typeof value === 'string' && value.length <= 1024,
  sha: value => typeof value === 'string' && isCommit(value),
  planId: value => typeof value === 'string' && /^r_[a-z2-7]{26}$/.test(value),
  mode: value => value === 'normal' || value === 'destroy' || value === 'refresh-only',
  replace: value => Array.isArray(value) && value.length <= 100 && value.every(isAddress),
  reason: value => typeof value === 'string' && value.length <= 1024,
  receipt: value => typeof value === 'boolean',
  requestId: value => typeof value === 'string' && /^[A-Za-z0-9_-]{8,64}$/.test(value),
};

const isAddress = (value: unknown): boolean => typeof value === 'string' && value !== '' && value.length <= 1024;
const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

function isBody(value: unknown): value is Body {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const body = value as Record<string, unknown>;
  if (!Object.entries(body).every(([key, inner]) => Object.hasOwn(shapes, key) && shapes[key]?.(inner))) return false;
  if (!['command', 'path', 'ref'].every(key => key in body)) return false;
  if (body.command === 'plan' && body.planId !== undefined) return false;
  return !isCommit(String(body.ref)) || body.sha === undefined || body.sha === body.ref;
}

/** Directories by their one name: no empty segment, none that begins with a dot or a dash. */
const isPath = (path: string): boolean =>
  path.length <= 512 && path.split('/').length <= 32 && path.split('/').every(part => /^\w[\w.+=@-]*$/.test(part));

/** What git takes as the name of a branch or tag (git-check-ref-format), in letters that mean nothing to a shell. */
function isRef(ref: string): boolean {
  if (isCommit(ref) || /^refs\/merge-requests\/[1-9]\d{0,9}\/(head|merge)$/.test(ref)) return true;
  const name = ref.replace(/^refs\/(heads|tags)\//, '');
  if (name.length > 255 || name.startsWith('refs/') || name.startsWith('+') || name.endsWith('.')) return false;
  // Names that git could take for something else.
  if (name === '@' || /^([A-Z_]+_)?HEAD$/.test(name) || /^[0-9a-fA-F]{40}$/.test(name)) return false;
  return name.split('/').every(part => /^[\w#+=@][\w#+=@.-]*$/.test(part) && !/\.\.|\.lock$/.test(part));
}

/** What needs a rule that grants it, and there is no such rule yet. */
const isGranted = ({ mode, replace, reason, receipt }: Body): boolean =>
  (mode === undefined || mode === 'normal') &&
  (replace === undefined || (replace as unknown[]).length === 0) &&
  reason === undefined &&
  receipt !== false;

function isAllowed(rules: readonly Rule[], { command, path, ref }: Body): boolean {
  // Rules with an identity are for ID tokens.
  const mine = rules.filter(({ identity }) => identity === undefined);
  const here = (rule: Rule): boolean => fits(rule.paths, path);
  const allows = mine.filter(rule => rule.allow?.includes(command) && here(rule));
  const denies = mine.filter(rule => rule.deny?.includes(command) && here(rule));
  // Which refs reach a commit is the worker's to find out: here only what denies every ref counts.
  if (isCommit(ref)) return command === 'plan' && allows.length > 0 && !denies.some(({ refs }) => refs === undefined);
  const meant = ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  return meant.some(
    name =>
      !(command === 'apply' && name.startsWith('refs/merge-requests/')) &&
      allows.some(({ refs }) => fits(refs, name)) &&
      !denies.some(({ refs }) => fits(refs, name)),
  );
}

const fits = (patterns: readonly string[] | undefined, text: string): boolean =>
  patterns === undefined || patterns.some(pattern => expressionOf(pattern).test(`${text}/`));

const known = new Map<string, RegExp>();

/** Every segment with the slash behind it: `**` is any number of them, `*` what a segment may hold. */
function expressionOf(pattern: string): RegExp {
  const found = known.get(pattern);
  if (found) return found;
  const parts = pattern.split('/').map(part => (part === '**' ? '(?:[^/]+/)*' : `${literal(part)}/`));
  const expression = new RegExp(`^${parts.join('')}$`);
  known.set(pattern, expression);
  return expression;
}

const literal = (part: string): string => part.split('*').map(escaped).join('[^/]*');
const escaped = (text: string): string => text.replaceAll(/[^A-Za-z0-9_]/g, '\\$&');
