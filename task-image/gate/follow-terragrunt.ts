/** Reads a stack's Terragrunt files: its own, what they include and read, and the stacks whose outputs they use. */
import { dirname } from 'node:path/posix';
import type { Finding } from './finding.ts';
import { calledModule } from './follow.ts';
import type { ConfigurationFile, Wanted } from './module.ts';
import { type Place, readFiles } from './read-directory.ts';
import { terragruntFile } from './terragrunt.ts';
import { type CopiedSource, copiedSource } from './terragrunt-copy.ts';
import type { TerragruntPlace } from './terragrunt-path.ts';

export interface FollowedTerragrunt {
  readonly files: readonly ConfigurationFile[];
  /** Directories of this repository that they would have copied. */
  readonly sources: readonly CopiedSource[];
  /** Further stacks that Terragrunt would look into. */
  readonly stacks: readonly string[];
  readonly findings: readonly Finding[];
}

/** A file to read, for whom, and from where. */
interface Wish {
  readonly path: string;
  readonly directory: string;
  readonly isIncluded: boolean;
}

export async function followTerragrunt(place: Place, wanted: Wanted): Promise<FollowedTerragrunt> {
  const { stack } = wanted;
  const entry: TerragruntPlace['entry'] = path =>
    place.disk.bytes(path) !== undefined ? 'file' : place.disk.files(path) && 'directory';
  const files: ConfigurationFile[] = [];
  const sources: CopiedSource[] = [];
  const stacks: string[] = [];
  const findings: Finding[] = [];
  const seen = new Set<string>();
  let next: Wish[] = ['terragrunt.hcl', 'terragrunt.hcl.json']
    .map(name => ({ path: `${stack}/${name}`, directory: stack, isIncluded: false }))
    .filter(({ path }) => entry(path) === 'file');
  while (next.length > 0) {
    const fresh = next.filter(wish => !seen.has(JSON.stringify(wish)));
    for (const wish of fresh) seen.add(JSON.stringify(wish));
    next = [];
    for (const { path, directory, isIncluded } of fresh) {
      const read = await readFiles(place, [path]);
      findings.push(...read.findings);
      for (const file of read.files) {
        files.push(file);
        const isChild = !isIncluded && Object.hasOwn(file.root.body, 'include');
        const where: TerragruntPlace = { directory, stack, fileDirectory: parent(path), isChild, entry };
        const named = terragruntFile(file, where, wanted);
        findings.push(...named.findings);
        stacks.push(...named.stacks);
        next.push(...named.included.map(one => ({ path: one, directory, isIncluded: true })));
        next.push(...named.configurations.map(one => ({ path: one, directory: parent(one), isIncluded: false })));
        for (const { block, source } of named.sources) {
          const called = registrySource(block, source);
          const answer = calledModule(place, file.file, called.block, called.source, directory, wanted);
          findings.push(...answer.findings);
          const copied = answer.calls.length === 0 ? undefined : copiedSource(called.source ?? '', directory);
          if (copied !== undefined) sources.push(copied);
        }
      }
    }
  }
  return { files, sources, stacks, findings };
}

const parent = (path: string): string => (path.includes('/') ? dirname(path) : '');

/** Terragrunt's way to write a registry's module and its version as one text. */
function registrySource<B extends { readonly body: object }>(block: B, source: string | undefined) {
  const [, host = '', name = '', version = ''] = /^tfr:\/\/([^/]*)\/([^?]+)\?version=([^&]+)$/.exec(source ?? '') ?? [];
  return name === ''
    ? { block, source }
    : { block: { ...block, body: { version } }, source: host === '' ? name : `${host}/${name}` };
}
