/** Looks at the path in git's own tree, before a file exists: a real directory with a root module, without detours. */
import type { StackSettings } from '../policies/allowlist.ts';
import type { CanonicalPath } from '../policies/path.ts';
import { Failure } from './failure.ts';
import type { Git } from './git.ts';

export interface TreeEntry {
  readonly mode: string;
  readonly path: string;
}

const directory = '040000';
const link = '120000';
const submodule = '160000';

/** The entries of the path's own directory and of every directory on the way to it. */
export async function readTree(git: Git, commit: string, path: CanonicalPath): Promise<TreeEntry[]> {
  // Each by its name: git tells nothing of a link or a submodule when it is asked for what would lie below.
  return parseTree(await git(['ls-tree', '-z', '-t', '--full-tree', commit, '--', ...waysTo(path), `${path}/`]));
}

/** `a`, `a/b` and `a/b/c` for `a/b/c`. */
const waysTo = (path: CanonicalPath): string[] =>
  path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));

export function parseTree(text: string): TreeEntry[] {
  return text.split('\0').flatMap(line => {
    const match = /^([0-7]{6}) \w+ [0-9a-f]+\t(.+)$/s.exec(line);
    return match?.[1] === undefined || match[2] === undefined ? [] : [{ mode: match[1], path: match[2] }];
  });
}

/** Throws a `Failure` unless the path is a stack of this binary. `entries` may hold more than belongs to the path. */
export function checkTree(entries: readonly TreeEntry[], path: CanonicalPath, binary: StackSettings['binary']): void {
  const modes = new Map(entries.map(entry => [entry.path, entry.mode]));
  for (const way of waysTo(path)) {
    const mode = modes.get(way);
    if (mode === link) throw new Failure('E_PATH_LINKED', `\`${way}\` is a symbolic link`, 'name the real directory');
    if (mode === submodule)
      throw new Failure('E_PATH_LINKED', `\`${way}\` is a submodule`, 'run it from its own repository');
    if (mode !== directory)
      throw new Failure(
        'E_PATH_NOT_A_STACK',
        `\`${way}\` is not a directory at this commit`,
        'check the path, upper and lower case too',
      );
  }
  const own = entries
    .filter(entry => entry.path.startsWith(`${path}/`))
    .map(entry => ({ ...entry, name: entry.path.slice(path.length + 1) }));
  const isRoot = rootFile[binary];
  const roots = own.filter(({ name }) => !name.includes('/') && isRoot.test(name));
  const linked = roots.find(({ mode }) => mode === link || mode === submodule);
  if (linked) throw new Failure('E_PATH_LINKED', `\`${linked.path}\` is a symbolic link`, 'put the file itself there');
  if (!roots.some(({ mode }) => mode.startsWith('100')))
    throw new Failure(
      'E_PATH_NOT_A_STACK',
      `\`${path}\` has no ${binary} files at this commit`,
      'name a directory with a root module',
    );
  // Git knows upper case from lower, the file system they are written to may not.
  const state = own.find(({ name }) => /^[^/]*\.tfstate(?:\.|$)/i.test(name));
  if (state)
    throw new Failure(
      'E_STATE_COMMITTED',
      `\`${state.path}\` is committed: a state in git is never the real one`,
      'remove it from git',
    );
  const trap = own.find(({ name }) => traps.test(name));
  if (trap)
    throw new Failure(
      'E_GATE',
      `\`${trap.path}\` is committed: Terraform would take programs or settings from it`,
      'remove it from git, and add it to `.gitignore`',
    );
}

/** What Terraform, OpenTofu and Terragrunt make for themselves, and believe when they find it. */
const traps = /^(?:\.terraform|terraform\.d|\.terragrunt-cache|\.terraformrc|terraform\.rc|\.tofurc|tofu\.rc)(?:$|\/)/i;

const rootFile: Readonly<Record<StackSettings['binary'], RegExp>> = {
  terraform: /\.tf(\.json)?$/,
  tofu: /\.(tf|tofu)(\.json)?$/,
  terragrunt: /^terragrunt\.hcl(\.json)?$|\.tf(\.json)?$/,
};
