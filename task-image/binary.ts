/** Finds the programs that a worker runs, on the PATH it was given. Of several versions each is named `<tool>-<version>`. */
import { accessSync, constants, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import type { StackSettings } from '../policies/allowlist.ts';
import { Failure } from './failure.ts';

/** The absolute path of a tool; a missing one is told with its name. */
export function binaryFile(binary: string, path: string): string {
  const file = fileOnPath(binary, path);
  if (file !== undefined) return file;
  throw new Failure(
    'E_BINARY_MISSING',
    `\`${binary}\` is not installed where the worker looks`,
    `install ${binary} in a directory of the server's PATH, or have an admin set another \`binary\` for this path`,
  );
}

export interface Binary {
  readonly file: string;
  /** Terragrunt's Terraform. */
  readonly wrapped?: string;
}

/**
 * The real files of a stack's tool, in the version that the policy wants: a sandbox shows these, not the links that lead to
 * them. Of a file without a version in its name nobody knows the version before it runs (`checkVersion`).
 */
export function realBinary({ binary, version }: Pick<StackSettings, 'binary' | 'version'>, path: string): Binary {
  if (binary !== 'terragrunt') return { file: versioned(binary, version, path) };
  // The version of a Terragrunt stack is that of its Terraform.
  const wrapped = fileOnPath('terraform', path) ? 'terraform' : 'tofu';
  return { file: realpathSync(binaryFile(binary, path)), wrapped: versioned(wrapped, version, path) };
}

export const wrongVersion = (binary: string, wanted: string, installed: readonly string[]): Failure =>
  new Failure(
    'E_BINARY_VERSION',
    `the policy wants ${binary} ${wanted}, this worker has ${installed.join(', ')}`,
    `install ${wanted}, or have an admin change \`version\` for this path`,
  );

function versioned(tool: string, version: string | undefined, path: string): string {
  const named = version === undefined ? undefined : fileOnPath(`${tool}-${version}`, path);
  const file = realpathSync(named ?? binaryFile(tool, path));
  if (version === undefined || named !== undefined || !isVersionOf(tool, basename(file))) return file;
  throw wrongVersion(tool, version, installedVersions(tool, path));
}

function fileOnPath(name: string, path: string): string | undefined {
  return directories(path)
    .map(directory => join(directory, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

const isVersionOf = (tool: string, name: string): boolean => new RegExp(`^${tool}-[0-9]`).test(name);

function installedVersions(tool: string, path: string): string[] {
  const names = directories(path).flatMap(directory => {
    try {
      return readdirSync(directory).filter(name => isVersionOf(tool, name));
    } catch {
      return [];
    }
  });
  return [...new Set(names)].sort().map(name => name.slice(tool.length + 1));
}

const directories = (path: string): string[] => path.split(delimiter).filter(isAbsolute);
