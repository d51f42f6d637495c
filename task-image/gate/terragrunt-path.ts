/** What Terragrunt's own functions say of paths, as far as the tree of the repository tells; anything else is undefined. */
import { dirname, relative } from 'node:path/posix';
import { calls, isText, split, templates } from '../hcl/expressions.ts';
import { joinPath } from './module.ts';

export interface TerragruntPlace {
  /** The directory that Terragrunt takes for its own: of the stack, or of a configuration that is read by itself. */
  readonly directory: string;
  readonly stack: string;
  /** Where the file lies: another directory when it is included. */
  readonly fileDirectory: string;
  readonly exists: (path: string) => boolean;
}

/** Stands before a path that is counted from the repository's root. */
const rooted = '\0';

const longest = 1024;

/** The text that a template becomes, paths from the root with a mark in front. */
export function said(template: string, place: TerragruntPlace): string | undefined {
  if (template.length > longest) return undefined;
  try {
    const parts = split(template).map((part, at) => (at % 2 === 0 ? part : value(part, place)));
    return parts.includes(undefined) ? undefined : parts.join('');
  } catch {
    return undefined;
  }
}

/** The paths from the root that a template may mean: a relative one is counted from where it stands, or from the stack. */
export function saidPaths(template: string, place: TerragruntPlace): string[] {
  const text = said(template, place);
  if (text === undefined || /^[/~]/.test(text)) return [];
  const path = text.startsWith(rooted) ? text.slice(1) : text;
  const from = text.startsWith(rooted) ? [''] : [...new Set([place.fileDirectory, place.directory])];
  if (path.includes(rooted)) return [];
  return from.flatMap(directory => joinPath(directory, path) ?? []);
}

function value(expression: string, place: TerragruntPlace): string | undefined {
  if (isText(expression)) {
    const [whole] = templates(expression);
    return whole && said(whole.parts.map((part, at) => (at % 2 === 0 ? part : `\${${part}}`)).join(''), place);
  }
  // A call that is the whole expression, and nothing beside it.
  const [call] = calls(`\${${expression}}`, known) ?? [];
  if (call === undefined || !/^\w+\s*\(.*\)$/s.test(expression) || !expression.startsWith(call.name)) return undefined;
  const args = call.args.filter(argument => argument !== '').map(argument => value(argument, place));
  if (args.includes(undefined) || !endsWithCall(expression)) return undefined;
  return functions[call.name]?.(place, ...(args as string[]));
}

/** `a("x") + b("y")` ends with a bracket too. */
const endsWithCall = (expression: string): boolean => /^[^()]*\((?:[^()"]|"[^"]*"|\([^()]*\))*\)$/.test(expression);

const known = /^[a-z_]+$/;

const functions: Readonly<Record<string, (place: TerragruntPlace, ...args: string[]) => string | undefined>> = {
  find_in_parent_folders: ({ directory, exists }, name = 'terragrunt.hcl', more?: string) => {
    if (more !== undefined || joinPath('', name) !== name) return undefined;
    for (let at = directory; at !== ''; ) {
      at = at.includes('/') ? dirname(at) : '';
      const path = at === '' ? name : `${at}/${name}`;
      if (exists(path)) return `${rooted}${path}`;
    }
    return undefined;
  },
  get_terragrunt_dir: ({ directory }, ...args) => (args.length === 0 ? `${rooted}${directory}` : undefined),
  get_original_terragrunt_dir: ({ stack }, ...args) => (args.length === 0 ? `${rooted}${stack}` : undefined),
  get_parent_terragrunt_dir: ({ fileDirectory }, ...args) =>
    args.length === 0 ? `${rooted}${fileDirectory}` : undefined,
  path_relative_to_include: ({ fileDirectory, directory }, ...args) =>
    args.length === 0 ? relative(`/${fileDirectory}`, `/${directory}`) || '.' : undefined,
  dirname: (_place, path, more) =>
    path === undefined || more !== undefined
      ? undefined
      : path.includes('/')
        ? dirname(path)
        : path.startsWith(rooted)
          ? rooted
          : '.',
};
