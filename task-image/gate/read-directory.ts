/** Reads configuration files from disk into what the rules look at; what cannot be read is a finding. */
import type { StackSettings } from '../../policies/allowlist.ts';
import { located } from '../hcl/document.ts';
import type { HclReader, SourceFile } from '../hcl/reader.ts';
import type { Disk } from './disk.ts';
import type { Finding } from './finding.ts';
import type { ConfigurationFile } from './module.ts';

/** Where files are, and what they are read with. */
export interface Place {
  readonly disk: Disk;
  readonly reader: HclReader;
  /** How the place is called in findings, in front of paths from its root. */
  readonly prefix: string;
}

export interface ReadFiles {
  readonly files: readonly ConfigurationFile[];
  readonly findings: readonly Finding[];
}

export async function readFiles({ disk, reader, prefix }: Place, paths: readonly string[]): Promise<ReadFiles> {
  const files: ConfigurationFile[] = [];
  const findings: Finding[] = [];
  const sources: SourceFile[] = [];
  for (const name of paths) {
    const bytes = disk.bytes(name);
    if (bytes) sources.push({ name, bytes });
    else findings.push(unparsable(`${prefix}${name}`, 1, 'it is no file, or its name is not UTF-8'));
  }
  const readings = await reader.read(sources);
  for (const [at, reading] of readings.entries()) {
    const file = `${prefix}${sources[at]?.name}`;
    if ('document' in reading) files.push({ file, root: located(reading.document).root });
    else findings.push(unparsable(file, reading.line, reading.problem));
  }
  return { files, findings };
}

const unparsable = (file: string, line: number, problem: string): Finding => ({
  file,
  line,
  rule: 'unparsable',
  what: 'the file',
  why: `cannot be read: ${problem}`,
  fix: 'correct it: what cannot be read cannot be let through',
});

/** The files of a directory that the binary may read as configuration. OpenTofu's own files count for Terragrunt too. */
export function configurationFiles(
  disk: Disk,
  directory: string,
  binary: StackSettings['binary'],
): string[] | undefined {
  return filesOf(disk, directory, binary === 'terraform' ? /\.tf(?:\.json)?$/ : /\.(?:tf|tofu)(?:\.json)?$/);
}

/** The files of tests that `init` reads beside a root module and below it: it installs what they need. */
export const testFiles = (disk: Disk, directory: string, binary: StackSettings['binary']): string[] =>
  [directory, joined(directory, 'tests')].flatMap(
    one =>
      filesOf(disk, one, binary === 'terraform' ? /\.tftest\.(?:hcl|json)$/ : /\.(?:tf|tofu)test\.(?:hcl|json)$/) ?? [],
  );

/** The files that give values to the variables of a root module without being asked for. */
export const valueFiles = (disk: Disk, directory: string): string[] =>
  filesOf(disk, directory, /(?:^terraform|\.auto)\.tfvars(?:\.json)?$/) ?? [];

const filesOf = (disk: Disk, directory: string, pattern: RegExp): string[] | undefined =>
  disk
    .files(directory)
    ?.filter(name => !name.startsWith('.') && pattern.test(name))
    .map(name => joined(directory, name));

const joined = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`);
