/** Looks a program up on the PATH, without running anything. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export function whereIs(tool: string, path = process.env.PATH ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter(dir => dir !== '')
    .map(dir => join(dir, tool))
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
