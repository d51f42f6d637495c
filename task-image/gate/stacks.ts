/** What is found in a stack before `init`: in its files, the local modules it calls, and what its Terragrunt files name. */
import { dirname } from 'node:path/posix';
import type { Repository, StackSettings } from '../../policies/allowlist.ts';
import { type CanonicalPath, canonicalPath } from '../../policies/path.ts';
import { stackSettings } from '../../policies/stack.ts';
import { filePaths } from './file-path.ts';
import type { Finding } from './finding.ts';
import { follow } from './follow.ts';
import { followTerragrunt } from './follow-terragrunt.ts';
import type { ConfigurationFile, Wanted } from './module.ts';
import { lockedProviders } from './provider-rules.ts';
import { type Place, readFiles } from './read-directory.ts';
import { judge } from './rules.ts';
import { type CopiedSource, copyOf } from './terragrunt-copy.ts';

/** The stack and, for Terragrunt, those whose outputs it uses: each held against its own backend. `read` is added to. */
export async function readStacks(
  place: Place,
  path: CanonicalPath,
  repository: Repository,
  settings: StackSettings,
  read: Set<string>,
): Promise<Finding[]> {
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
    const start = { directory: stack.value as string, isRoot: true };
    // Of this stack alone: what another calls as a module has not been held to the rules of a root.
    const own = new Set<string>();
    const { modules, findings: followed } = await follow(place, [start], wanted, own);
    for (const directory of own) read.add(directory);
    for (const source of terragrunt?.sources ?? []) findings.push(...(await readCopy(place, source, wanted)));
    findings.push(
      ...(terragrunt?.findings ?? []),
      ...followed,
      ...judge(modules, wanted),
      ...(terragrunt?.files ?? []).flatMap(file => terragruntPaths(place, file, wanted)),
      ...(await readLock(place, wanted)),
    );
  }
  return findings;
}

/** Terragrunt's source with the stack laid over it, told by where the source lies. */
async function readCopy(place: Place, source: CopiedSource, wanted: Wanted): Promise<Finding[]> {
  const disk = copyOf(place.disk, source, wanted.stack);
  const start = { directory: source.directory, isRoot: true };
  const copy: Place = { ...place, disk, prefix: source.root === '' ? '' : `${source.root}/` };
  const { modules, findings } = await follow(copy, [start], wanted, new Set());
  return [...findings, ...judge(modules, wanted)];
}

/** Terragrunt's functions count from the file they stand in, also where it is included. */
function terragruntPaths({ disk }: Place, file: ConfigurationFile, wanted: Wanted): Finding[] {
  const directory = dirname(`/${file.file}`).slice(1);
  const text = (path: string): string | undefined => disk.bytes(path)?.toString('utf8');
  const names = (path: string): readonly string[] => disk.files(path) ?? [];
  const module = { directory, isRoot: true, files: [file], tests: [], values: [], names, text };
  return filePaths([module], { ...wanted, stack: directory });
}

/** The providers that a dependency lock file has installed. */
export async function readLock(place: Place, { stack, settings }: Wanted): Promise<Finding[]> {
  const lock = `${stack}/.terraform.lock.hcl`;
  const { files, findings } = await readFiles(place, place.disk.bytes(lock) === undefined ? [] : [lock]);
  return [...findings, ...files.flatMap(file => lockedProviders(file, settings))];
}
