/** Reads directories of configuration and every local one that they call, each once. */
import type { Repository, StackSettings } from '../../policies/allowlist.ts';
import { type Block, blocks, listed, literal } from '../hcl/document.ts';
import { type Finding, finding } from './finding.ts';
import type { Module, Wanted } from './module.ts';
import { moduleSource } from './module-source.ts';
import { configurationFiles, type Place, readFiles, testFiles, valueFiles } from './read-directory.ts';

/** A directory to read, and what calls it. */
export interface Called {
  readonly directory: string;
  readonly isRoot: boolean;
}

export interface Followed {
  readonly modules: readonly Module[];
  readonly findings: readonly Finding[];
}

/** `read` is added to: what it holds is not read again. */
export async function follow(
  place: Place,
  start: readonly Called[],
  wanted: Wanted,
  read: Set<string>,
): Promise<Followed> {
  const modules: Module[] = [];
  const findings: Finding[] = [];
  for (let next = start; next.length > 0; ) {
    const fresh = next.filter(({ directory }) => {
      const isRead = read.has(directory);
      read.add(directory);
      return !isRead;
    });
    const rounds = await Promise.all(fresh.map(called => readModule(place, called, wanted)));
    for (const round of rounds) {
      modules.push(round.module);
      findings.push(...round.findings);
    }
    next = rounds.flatMap(({ calls }) => calls);
  }
  return { modules, findings };
}

async function readModule(place: Place, { directory, isRoot }: Called, wanted: Wanted) {
  const { disk } = place;
  const { binary } = wanted.settings;
  const { files, findings } = await readFiles(place, configurationFiles(disk, directory, binary) ?? []);
  const tests = await readFiles(place, isRoot ? testFiles(disk, directory, binary) : []);
  const values = await readFiles(place, isRoot ? valueFiles(disk, directory) : []);
  const called = [
    ...files.flatMap(({ file, root }) => blocks(root, 'module', 1).map(block => ({ file, block }))),
    ...tests.files.flatMap(({ file, root }) =>
      blocks(root, 'run', 1).flatMap(run => blocks(run, 'module', 0).map(block => ({ file, block }))),
    ),
  ].flatMap(({ file, block }) =>
    listed(block.body.source).map(source => calledModule(place, file, block, literal(source), directory, wanted)),
  );
  const module: Module = {
    directory,
    isRoot,
    files,
    tests: tests.files,
    values: values.files,
    names: path => disk.files(path) ?? [],
    text: path => disk.bytes(path)?.toString('utf8'),
  };
  return {
    module,
    findings: [findings, tests.findings, values.findings, ...called.map(one => one.findings)].flat(),
    calls: called.flatMap(one => one.calls),
  };
}

/** What one source leads to: a directory to read, a finding, or, where it is let through, nothing to do before `init`. */
export function calledModule(
  { disk }: Pick<Place, 'disk'>,
  file: string,
  block: Block,
  source: string | undefined,
  from: string,
  { repository, settings }: { readonly repository: Repository; readonly settings: StackSettings },
): { readonly findings: Finding[]; readonly calls: Called[] } {
  const refused = (why: string) => ({ findings: [finding(file, block, 'module-source', why, fix)], calls: [] });
  if (source === undefined) return refused('its source is not said outright');
  const version = literal(block.body.version);
  const answer = moduleSource({ source, version, from }, repository, settings);
  if ('problem' in answer) return refused(answer.problem);
  if ('remote' in answer) return { findings: [], calls: [] };
  if (disk.files(answer.directory) === undefined) return refused('its source is no directory at this commit');
  return { findings: [], calls: [{ directory: answer.directory, isRoot: false }] };
}

const fix =
  'use a directory of this repository; or have an admin add its source to `modules` or `module_sources`, and pin it to a commit or version';
