/** Which directories a stack needs: itself and the local modules its files name. What cannot be told means all. */

/** The files of one directory that Terraform reads as configuration: name to text. */
export type Configuration = ReadonlyMap<string, string>;

/** `all`: something reaches out of the directory in a way that only running it could tell. */
export type Needs = { readonly modules: readonly string[] } | 'all';

/**
 * Local modules of a directory, as paths from the repository's root. Read as text, not parsed, and so that a mistake
 * fetches too much: every `..` that is not a module's literal source, and every function that takes paths apart, is `all`.
 */
export function needsOf(directory: string, files: Configuration): Needs {
  const modules = new Set<string>();
  for (const [name, text] of files) {
    const sources: string[] = [];
    const rest = text.replaceAll(moduleSource, (_all, source: string) => {
      sources.push(source);
      return '';
    });
    if (reachesOut.test(rest) || isTerragrunt.test(name)) return 'all';
    for (const source of sources) {
      const path = joined(directory, source);
      if (path === undefined) return 'all';
      modules.add(path);
    }
  }
  return { modules: [...modules] };
}

export const isConfiguration = (name: string): boolean =>
  /\.(tf|tofu|tfvars)(\.json)?$/.test(name) || isTerragrunt.test(name);

/** It may include its parents, and whatever they name. */
const isTerragrunt = /^terragrunt\.hcl(\.json)?$/;

const moduleSource = /"?\bsource"?\s*[=:]\s*"(\.{1,2}\/[^"$%\\]*)"/g;

/**
 * A parent in a string (not the `...` of an argument list), an escape that may stand for one, or a function or value that
 * makes other paths of paths.
 */
const reachesOut =
  /(?<!\.)\.\.(?!\.)|\\[uU]|\b(abspath|dirname|pathexpand|realpath|path\.cwd)\b|\$\{path\.root\}\/\$\{/;

/** `source` from `directory`; undefined where it leaves the repository or a cone would read it as a pattern. */
function joined(directory: string, source: string): string | undefined {
  if (/[*?[\n]/.test(source)) return undefined;
  const parts = directory.split('/');
  for (const part of source.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.length === 0 ? undefined : parts.join('/');
}

/** The cone of `git sparse-checkout`: these directories whole, and the files beside them on the way. */
export function coneOf(directories: readonly string[]): string {
  const whole = new Set(directories);
  const ways = new Set(directories.flatMap(directory => parents(directory)));
  const lines = ['/*', '!/*/'];
  for (const way of [...ways].sort())
    if (!whole.has(way) && !parents(way).some(parent => whole.has(parent))) lines.push(`/${way}/`, `!/${way}/*/`);
  for (const directory of [...whole].sort())
    if (!parents(directory).some(parent => whole.has(parent))) lines.push(`/${directory}/`);
  return `${lines.join('\n')}\n`;
}

const parents = (directory: string): string[] => {
  const parts = directory.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
};
