/** Where Terraform works: in the stack's own directory, or where Terragrunt has copied the stack's files to. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const workingDirectories = (cwd: string): string[] => [cwd, ...copiesIn(terragruntCache(cwd))];

export const terragruntCache = (cwd: string): string => join(cwd, '.terragrunt-cache');

/** Terragrunt leaves a list of what it has copied beside it. None where there is no cache; no link is followed. */
export function copiesIn(cache: string): string[] {
  const directories = [cache];
  const copies: string[] = [];
  // It grows meanwhile. Node's own `recursive` would follow links.
  for (const directory of directories)
    for (const entry of entriesOf(directory)) {
      if (entry.isDirectory()) directories.push(join(directory, entry.name));
      if (entry.isFile() && entry.name === '.terragrunt-module-manifest') copies.push(directory);
    }
  return copies;
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
