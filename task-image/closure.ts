/** Which directories a stack needs: itself and the local modules its files name. What cannot be told means all. */

/** The files of one directory that Terraform reads as configuration: name to text. */
export type Configuration = ReadonlyMap<string, string>;

/** `all`: something reaches out of the directory in a way that only running it could tell. */
export type Needs = { readonly modules: readonly string[] } | 'all';

/**
 * Local modules of a directory, as paths from the repository's root. Read as text, comments too, and decided by what is
 * recognised: what names files of the directory itself, or a module, is taken out, and whatever names files and is left
 * makes it `all`. So a mistake fetches too much.
 */
export function needsOf(directory: string, files: Configuration): Needs {
  const modules = new Set<string>();
  for (const [name, text] of files) {
    const sources: string[] = [];
    const above = (_all: string, block: string, source: string) => {
      sources.push(source);
      return `${block}""`;
    };
    const rest = name.endsWith('.json')
      ? text
      : text.replaceAll(moduleSource, above).replaceAll(ownPath, '"./$1"').replaceAll(ownRead, '');
    if (isHcl.test(name) || namesFiles.test(rest)) return 'all';
    // Wherever it stands: it lies in the directory, so that if it is no module, looking there costs nothing.
    for (const [, source = ''] of rest.matchAll(sourceBelow)) sources.push(source);
    for (const source of sources) {
      const path = joined(directory, source);
      if (path === undefined) return 'all';
      modules.add(path);
    }
  }
  return { modules: [...modules] };
}

/** For every binary, with values and Terragrunt's own: wider than what one reads, where a mistake only fetches too much. */
export const isConfiguration = (name: string): boolean => /\.(tf|tofu|tfvars)(\.json)?$/.test(name) || isHcl.test(name);

/** Terragrunt's: it may include its parents, and whatever they name. Not the lock file, nor what linters read. */
const isHcl = /^[^.].*\.hcl(\.json)?$/;

/** The inside of a string that says what it says: no interpolation, no escape, no parent. */
const plain = String.raw`(?:(?!\.\.)[^"$%\\\n])*`;

/** In a module block, and not in an object of it: there `source` may be a file's, and from another directory. */
const moduleSource =
  /^([ \t]*module[ \t]*"[^"\n]*"[ \t]*\{(?:[^{}]|\{[^{}]*\})*?\bsource\s*=\s*)"(\.\.?\/[^"$%\\\n]*)"/gm;

const sourceBelow = new RegExp(String.raw`\bsource"?\s*[=:]\s*"(\./${plain})"`, 'g');

const ownPath = new RegExp(String.raw`"\$\{path\.(?:module|root)\}/(${plain})"`, 'g');

/** `file`, its hashes and the like with a plain first argument, `fileset` with two. Not a template: it may read files itself. */
const ownRead = new RegExp(
  String.raw`\b(?:fileset\s*\(\s*"${plain}"\s*,|(?!fileset\b)file\w*\s*\()\s*"${plain}"\s*(?=[,)])`,
  'g',
);

const namesFiles = new RegExp(
  [
    // A parent (not the `...` of an argument list), and an escape that may stand for one.
    String.raw`(?<!\.)\.\.(?!\.)|\\[uU]`,
    // A source that is put together: OpenTofu takes one for a module, resources for a file.
    String.raw`\bsource(?:\s*=(?![=>])|"\s*:)(?!\s*(?:"${plain}"|\[))`,
    String.raw`\bpath\s*\.\s*(?:module|root|cwd)\b`,
    // Every function that reads files, and those of providers, which may.
    String.raw`\b(?:file\w*|template(?:file|string)|provider::\w+::\w+)\s*\(`,
    String.raw`\b(?:abspath|basename|dirname|pathexpand)\b`,
    // Programs, and what has a way of its own to name directories.
    String.raw`\b(?:external|local-exec|charts?)\b|kustomiz`,
  ].join('|'),
);

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
