/** What Terragrunt 0.58 makes of paths, as far as the tree of the repository tells; anything else is undefined. */
import { dirname, normalize, relative } from 'node:path/posix';
import { joinPath } from './module.ts';
import { parseTemplate, type Template } from './terragrunt-template.ts';

export interface TerragruntPlace {
  /** The directory that Terragrunt takes for its own: of the stack, or of a configuration that is read by itself. */
  readonly directory: string;
  readonly stack: string;
  /** Where the file lies: another directory when it is included. */
  readonly fileDirectory: string;
  /** Includes others: what Terragrunt says of its parent is then said of one of those. */
  readonly isChild: boolean;
  readonly entry: (path: string) => 'file' | 'directory' | undefined;
}

/** Stands for the repository's root, and in no text. */
const root = '\0';
const rooted = (path: string): string => (path === '' ? root : `${root}/${path}`);

/** The text that a template becomes, with a mark for the root. */
export function said(template: string, place: TerragruntPlace): string | undefined {
  const parsed = parseTemplate(template);
  return parsed && becomes(parsed, place);
}

/** The path from the root that a template means. INVARIANT: Terragrunt takes the same one, or none. */
export function saidPath(template: string, place: TerragruntPlace): string | undefined {
  const text = said(template, place);
  if (!text || text.startsWith('/')) return undefined;
  if (text.startsWith(root)) return /^.(?:$|\/)/s.test(text) ? joinPath('', text.slice(root.length)) : undefined;
  return joinPath(place.directory, text);
}

/** Whether it is counted from anywhere but the root, or not known. */
export const isRelative = (template: string, place: TerragruntPlace): boolean =>
  !said(template, place)?.startsWith(root);

/** Where a module is: a path from the root is told from Terragrunt's directory. */
export function saidSource(template: string, place: TerragruntPlace): string | undefined {
  const text = said(template, place);
  if (!text?.startsWith(root)) return text;
  const up = place.directory.split('/').map(() => '..');
  return text.startsWith(`${root}/`) ? `${up.join('/')}${text.slice(root.length)}` : undefined;
}

function becomes(template: Template, place: TerragruntPlace): string | undefined {
  let text = '';
  for (const part of template) {
    const more = typeof part === 'string' ? part : answer(part.call, part.args, place);
    // A path from the root stands at the start, or it is none.
    if (more === undefined || (text !== '' && more.startsWith(root))) return undefined;
    text += more;
  }
  return text;
}

function answer(call: string, templates: readonly Template[], place: TerragruntPlace): string | undefined {
  const known = Object.hasOwn(functions, call) ? functions[call] : undefined;
  const args = templates.map(template => becomes(template, place));
  return args.includes(undefined) ? undefined : known?.(place, args as string[]);
}

type Answer = (place: TerragruntPlace, args: readonly string[]) => string | undefined;

const functions: Readonly<Record<string, Answer>> = {
  find_in_parent_folders: (place, args) => {
    const [name] = args;
    // The second is a fallback. Before Terragrunt takes that, it looks above the repository.
    if (args.length > 2 || (name !== undefined && !isPlainName(name))) return undefined;
    return nearestAbove(place, name === undefined ? ['terragrunt.hcl', 'terragrunt.hcl.json'] : [name]);
  },
  get_terragrunt_dir: ({ directory }, args) => (args.length === 0 ? rooted(directory) : undefined),
  get_original_terragrunt_dir: ({ stack }, args) => (args.length === 0 ? rooted(stack) : undefined),
  get_parent_terragrunt_dir: ({ fileDirectory, isChild }, args) =>
    args.length === 0 && !isChild ? rooted(fileDirectory) : undefined,
  path_relative_to_include: ({ fileDirectory, directory, isChild }, args) =>
    args.length === 0 && !isChild ? relative(`/${fileDirectory}`, `/${directory}`) || '.' : undefined,
  // Of a path that is written differently it would first make a clean one.
  dirname: (_place, [path = '', more]) =>
    more !== undefined || path === '' || path === root || path !== normalize(path) || path.endsWith('/')
      ? undefined
      : dirname(path),
};

const isPlainName = (name: string): boolean => name !== '' && joinPath('', name) === name && !name.includes(root);

/** The first of these that is there, in the nearest directory that has one: it may be a directory too. */
function nearestAbove({ directory, entry }: TerragruntPlace, names: readonly string[]): string | undefined {
  for (let at = directory; at !== ''; ) {
    at = at.includes('/') ? dirname(at) : '';
    const found = names.map(name => (at === '' ? name : `${at}/${name}`)).find(path => entry(path) !== undefined);
    if (found !== undefined) return rooted(found);
  }
  return undefined;
}
