/** Writes a stack and the local modules it needs into the clone directory, and takes git away from it. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CanonicalPath } from '../policies/path.ts';
import { quote } from '../policies/quote.ts';
import { coneOf, isConfiguration, needsOf } from './closure.ts';
import { Failure } from './failure.ts';
import type { Git } from './git.ts';

export async function checkout(git: Git, clone: string, commit: string, path: CanonicalPath): Promise<void> {
  const sparse = join(clone, '.git', 'info', 'sparse-checkout');
  const read = new Set<string>();
  // `init` fetches what the tests of a stack call, too.
  let wanted: readonly string[] | 'all' = [path, `${path}/tests`];
  while (wanted === 'all' || wanted.some(directory => !read.has(directory))) {
    writeFileSync(sparse, wanted === 'all' ? '/*\n' : coneOf(wanted));
    if (read.size === 0) await git(['checkout', '--quiet', '--force', '--detach', commit, '--']);
    else await git(['sparse-checkout', 'reapply', ...(wanted === 'all' ? ['--no-cone'] : [])]);
    if (wanted === 'all') break;
    wanted = more(clone, wanted, read);
  }
  // Terraform and what it starts have no use for the repository's url and objects.
  rmSync(join(clone, '.git'), { recursive: true, force: true });
}

/** What the directories that were not read yet name in addition. */
function more(clone: string, wanted: readonly string[], read: Set<string>): readonly string[] | 'all' {
  const next = new Set(wanted);
  for (const directory of wanted.filter(one => !read.has(one))) {
    read.add(directory);
    const needs = needsOf(directory, configuration(join(clone, directory)));
    if (needs === 'all') return 'all';
    for (const module of needs.modules) next.add(module);
  }
  return [...next];
}

/** None where a file or nothing is: should it have been a module, Terraform says that better. */
function configuration(directory: string): Map<string, string> {
  if (!existsSync(directory) || !lstatSync(directory).isDirectory()) return new Map();
  const files = readdirSync(directory, { withFileTypes: true }).filter(
    entry => entry.isFile() && isConfiguration(entry.name),
  );
  return new Map(files.map(({ name }) => [name, text(directory, name)]));
}

/** A name that is not UTF-8 is told with a mark in it, and nothing is found by that. */
function text(directory: string, name: string): string {
  const file = join(directory, name);
  if (existsSync(file)) return readFileSync(file, 'utf8');
  throw new Failure('E_GATE', `the name of ${quote(name)} is not UTF-8`, 'rename it in git');
}
