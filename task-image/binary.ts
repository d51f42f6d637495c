/** Finds the programs that a worker runs, on the PATH it was given. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { Failure } from './failure.ts';

/** The absolute path of a tool; a missing one is told with its name. */
export function binaryFile(binary: string, path: string): string {
  for (const directory of path.split(delimiter).filter(isAbsolute)) {
    const file = join(directory, binary);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here.
    }
  }
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

/** The real files of a stack's tool: a sandbox shows these, not the links that lead to them. */
export function realBinary(binary: 'terraform' | 'tofu' | 'terragrunt', path: string): Binary {
  const file = realpathSync(binaryFile(binary, path));
  return binary === 'terragrunt' ? { file, wrapped: realpathSync(wrappedFile(path)) } : { file };
}

function wrappedFile(path: string): string {
  try {
    return binaryFile('terraform', path);
  } catch {
    return binaryFile('tofu', path);
  }
}
