/** What is found in the modules that `init` has fetched: they are held to the rules of those that were read before. */
import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { HclReader } from '../hcl/reader.ts';
import { installedModules, modulesDir } from '../installed-modules.ts';
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
  const fetchedDir = modulesDir(dataDir);
  const directories = installedModules(dataDir).map(({ Dir }) => resolve(cwd, Dir));
  const below = (base: string, directory: string): string | undefined => {
    const path = relative(base, directory);
    return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path) ? undefined : path;
  };
  const fetched = directories.flatMap(directory => below(fetchedDir, directory) ?? []);
  const place = { disk: diskBelow(fetchedDir), reader, prefix: '.terraform/modules/' };
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
          return below(fetchedDir, directory) === undefined && (own === undefined || !read.has(own));
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
