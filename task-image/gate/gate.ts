/** The gate: reads what a stack would have Terraform do before Terraform starts, and what was downloaded before it plans. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Repository, StackSettings } from '../../policies/allowlist.ts';
import { type CanonicalPath, canonicalPath } from '../../policies/path.ts';
import { stackSettings } from '../../policies/stack.ts';
import type { HclReader } from '../hcl/reader.ts';
import { diskBelow } from './disk.ts';
import { filePaths } from './file-path.ts';
import { type Finding, sorted } from './finding.ts';
import { follow } from './follow.ts';
import { followTerragrunt } from './follow-terragrunt.ts';
import type { Module, Wanted } from './module.ts';
import { lockedProviders } from './provider-rules.ts';
import { type Place, readFiles } from './read-directory.ts';
import { moduleRules } from './rules.ts';

export interface GateParts {
  /** The clone. */
  readonly root: string;
  readonly path: CanonicalPath;
  readonly repository: Repository;
  readonly settings: StackSettings;
  /** A reader for one reading, closed after it. */
  readonly openReader: () => HclReader;
}

/** Each answers with all that was found, by place. */
export interface Gate {
  /** The stack, before `init`. */
  readonly stack: () => Promise<Finding[]>;
  /** What `init` has fetched into the data directory, before anything of it runs. */
  readonly downloaded: (dataDir: string) => Promise<Finding[]>;
}

export function gate({ root, path, repository, settings, openReader }: GateParts): Gate {
  const read = new Set<string>();
  const reading = async (find: (reader: HclReader) => Promise<Finding[]>): Promise<Finding[]> => {
    const reader = openReader();
    try {
      return report(settings, await find(reader));
    } finally {
      reader.close();
    }
  };
  return {
    stack: () =>
      reading(reader => readStacks({ disk: diskBelow(root), reader, prefix: '' }, path, repository, settings, read)),
    downloaded: dataDir =>
      reading(async reader => {
        const wanted = { repository, settings, stack: path };
        const cwd = join(root, path);
        return [
          ...(await readDownloads(reader, { root, cwd, dataDir, read }, wanted)),
          ...(await readLock({ disk: diskBelow(root), reader, prefix: '' }, wanted)),
          ...(settings.binary === 'terragrunt' ? await readCopies(reader, join(cwd, '.terragrunt-cache'), wanted) : []),
        ];
      }),
  };
}

function report({ gateAllow }: StackSettings, findings: readonly Finding[]): Finding[] {
  const allowed: ReadonlySet<string> = new Set(gateAllow);
  return sorted(findings.filter(({ rule }) => !allowed.has(rule)));
}

/** The stack and, for Terragrunt, those whose outputs it uses: each held against its own backend. */
async function readStacks(
  place: Place,
  path: CanonicalPath,
  repository: Repository,
  settings: StackSettings,
  read: Set<string>,
) {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const next: string[] = [path]; next.length > 0; ) {
    const stack = canonicalPath(next.pop() ?? '');
    if (!stack.ok || seen.has(stack.value)) continue;
    seen.add(stack.value);
    const { backend: _own, ...rest } = settings;
    const { backend } = stackSettings(repository, stack.value);
    const wanted: Wanted = {
      repository,
      settings: backend === undefined ? rest : { ...rest, backend },
      stack: stack.value,
    };
    const terragrunt = settings.binary === 'terragrunt' ? await followTerragrunt(place, wanted) : undefined;
    next.push(...(terragrunt?.stacks ?? []));
    const start = [{ directory: stack.value as string, isRoot: true }, ...(terragrunt?.sources ?? [])];
    const { modules, findings: followed } = await follow(place, start, wanted, read);
    const files: Module = {
      directory: stack.value,
      isRoot: true,
      files: terragrunt?.files ?? [],
      text: () => undefined,
    };
    findings.push(
      ...(terragrunt?.findings ?? []),
      ...followed,
      ...judge(modules, wanted),
      ...filePaths(files, wanted),
      ...(await readLock(place, wanted)),
    );
  }
  return findings;
}

/** The providers that a dependency lock file has installed. */
async function readLock(place: Place, { stack, settings }: Wanted): Promise<Finding[]> {
  const lock = `${stack}/.terraform.lock.hcl`;
  const { files, findings } = await readFiles(place, place.disk.bytes(lock) === undefined ? [] : [lock]);
  return [...findings, ...files.flatMap(file => lockedProviders(file, settings))];
}

const judge = (modules: readonly Module[], wanted: Wanted): Finding[] =>
  modules.flatMap(module => moduleRules.flatMap(rule => rule(module, wanted)));

interface Downloads {
  readonly root: string;
  readonly cwd: string;
  readonly dataDir: string;
  /** What was read before `init`. */
  readonly read: ReadonlySet<string>;
}

/** Every directory that Terraform says it takes modules from was read, or is read now. */
async function readDownloads(
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
  // Terragrunt works in a copy, all of which is read.
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
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const { Modules = [] } = JSON.parse(text) as { Modules?: readonly { Dir?: string }[] };
  return Modules.flatMap(({ Dir }) => Dir ?? []);
}

/** Every directory of Terragrunt's cache: it holds what `source` has brought. */
async function readCopies(reader: HclReader, cache: string, wanted: Wanted): Promise<Finding[]> {
  const place = { disk: diskBelow(cache), reader, prefix: '.terragrunt-cache/' };
  const start = directoriesBelow(cache).map(directory => ({ directory, isRoot: false }));
  const { modules, findings } = await follow(place, start, wanted, new Set());
  return [...findings, ...judge(modules, wanted)];
}

function directoriesBelow(root: string): string[] {
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name =>
      statSync(join(root, name)).isDirectory(),
    );
  } catch {
    return [];
  }
}
