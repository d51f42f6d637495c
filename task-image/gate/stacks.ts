/** What is found in a stack before `init`: in its files, the local modules it calls, and what its Terragrunt files name. */
import type { Repository, StackSettings } from '../../policies/allowlist.ts';
import { type CanonicalPath, canonicalPath } from '../../policies/path.ts';
import { stackSettings } from '../../policies/stack.ts';
import { filePaths } from './file-path.ts';
import type { Finding } from './finding.ts';
import { follow } from './follow.ts';
import { followTerragrunt } from './follow-terragrunt.ts';
import type { Module, Wanted } from './module.ts';
import { lockedProviders } from './provider-rules.ts';
import { type Place, readFiles } from './read-directory.ts';
import { judge } from './rules.ts';

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
    const start = [{ directory: stack.value as string, isRoot: true }, ...(terragrunt?.sources ?? [])];
    // Of this stack alone: what another calls as a module has not been held to the rules of a root.
    const own = new Set<string>();
    const { modules, findings: followed } = await follow(place, start, wanted, own);
    for (const directory of own) read.add(directory);
    const files: Module = {
      directory: stack.value,
      isRoot: true,
      files: terragrunt?.files ?? [],
      tests: [],
      values: [],
      names: directory => place.disk.files(directory) ?? [],
      text: () => undefined,
    };
    findings.push(
      ...(terragrunt?.findings ?? []),
      ...followed,
      ...judge(modules, wanted),
      ...filePaths([files], wanted),
      ...(await readLock(place, wanted)),
    );
  }
  return findings;
}

/** The providers that a dependency lock file has installed. */
export async function readLock(place: Place, { stack, settings }: Wanted): Promise<Finding[]> {
  const lock = `${stack}/.terraform.lock.hcl`;
  const { files, findings } = await readFiles(place, place.disk.bytes(lock) === undefined ? [] : [lock]);
  return [...findings, ...files.flatMap(file => lockedProviders(file, settings))];
}
