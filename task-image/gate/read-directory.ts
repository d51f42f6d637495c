/** Reads configuration files from disk into what the rules look at; what cannot be read is a finding. */
import type { StackSettings } from '../../policies/allowlist.ts';
import { located } from '../hcl/document.ts';
import type { HclReader } from '../hcl/reader.ts';
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
  const sources = paths.map(path => ({ name: path, bytes: disk.bytes(path) ?? Buffer.alloc(0) }));
  const readings = await reader.read(sources);
  const files: ConfigurationFile[] = [];
  const findings: Finding[] = [];
  for (const [at, reading] of readings.entries()) {
    const file = `${prefix}${paths[at]}`;
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
  const pattern = binary === 'terraform' ? /^[^.].*\.tf(?:\.json)?$/s : /^[^.].*\.(?:tf|tofu)(?:\.json)?$/s;
  return disk
    .files(directory)
    ?.filter(name => pattern.test(name))
    .map(name => (directory === '' ? name : `${directory}/${name}`));
}
