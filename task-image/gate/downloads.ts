/** What is found in the modules that `init` has fetched: they are held to the rules of those that were read before. */
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { HclReader } from '../hcl/reader.ts';
import { copiesIn } from '../working-directories.ts';
import { diskBelow } from './disk.ts';
import type { Finding } from './finding.ts';
import { follow } from './follow.ts';
import type { Wanted } from './module.ts';
import { judge } from './rules.ts';

export interface Downloads {
  readonly root: string;
  readonly cwd: string;
  readonly dataDir: string;
  /** What was read before `init`. */
  readonly read: ReadonlySet<string>;
}

/** Every directory that Terraform says it takes modules from was read, or is read now. */
export async function readDownloads(
  reader: HclReader,
  { root, cwd, dataDir, read }: Downloads,
  wanted: Wanted,
): Promise<Finding[]> {
  const modulesDir = join(dataDir, 'modules');
  const directories = moduleDirectories(join(modulesDir, 'modules.json')).map(directory => resolve(cwd, directory));
  const below = (base: string, directory: string): string | undefined => {
    const path = relative(base, directory);
    return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path) ? undefined : path;
  };
  const fetched = directories.flatMap(directory => below(modulesDir, directory) ?? []);
  const place = { disk: diskBelow(modulesDir), reader, prefix: '.terraform/modules/' };
  const { modules, findings } = await follow(
    place,
    fetched.map(directory => ({ directory, isRoot: false })),
    wanted,
    new Set(),
  );
  // Terragrunt may work in a copy, which is followed from there.
  const strange =
    wanted.settings.binary === 'terragrunt'
      ? []
      : directories.filter(directory => {
          const own = below(root, directory);
          return below(modulesDir, directory) === undefined && (own === undefined || !read.has(own));
        });
  return [...findings, ...judge(modules, wanted), ...strange.map(directory => unread(relative(root, directory)))];
}

const unread = (file: string): Finding => ({
  file,
  line: 1,
  rule: 'module-source',
  what: 'the directory',
  why: 'a module that was not read before `init`',
  fix: 'name it by a relative path inside the repository',
});

/** From Terraform's own record of the modules it has installed. */
function moduleDirectories(file: string): string[] {
  if (!existsSync(file)) return [];
  const { Modules = [] } = JSON.parse(readFileSync(file, 'utf8')) as { Modules?: readonly { Dir?: string }[] };
  return Modules.flatMap(({ Dir }) => Dir ?? []);
}

/** The directories of Terragrunt's cache that Terraform works in, and what they call: the stack laid over its source. */
export async function readCopies(reader: HclReader, cache: string, wanted: Wanted): Promise<Finding[]> {
  const place = { disk: diskBelow(cache), reader, prefix: '.terragrunt-cache/' };
  const copies = copiesIn(cache);
  if (copies.length === 0 && existsSync(cache))
    throw new Error('there is a Terragrunt cache without a working directory');
  const start = copies.map(directory => ({ directory: relative(cache, directory), isRoot: true }));
  const { modules, findings } = await follow(place, start, wanted, new Set());
  return [...findings, ...judge(modules, wanted)];
}
