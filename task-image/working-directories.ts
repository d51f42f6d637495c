/** Where Terraform works: in the stack's own directory, or where Terragrunt has copied the stack's files to. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const workingDirectories = (cwd: string): string[] => [cwd, ...copiesIn(terragruntCache(cwd))];

export const terragruntCache = (cwd: string): string => join(cwd, '.terragrunt-cache');

/** Terragrunt leaves a list of what it has copied beside it. None where there is no cache. */
export function copiesIn(cache: string): string[] {
  const directories = [cache];
  const copies: string[] = [];
  // It grows meanwhile. Node's own `recursive` would follow links; what they lead to is found where it is.
  for (const directory of directories)
    for (const entry of entriesOf(directory)) {
      const place = join(directory, entry.name);
      if (entry.isSymbolicLink() && leadsOut(cache, place)) throw new Error("a link leads out of Terragrunt's cache");
      if (entry.isDirectory()) directories.push(place);
      if (entry.isFile() && entry.name === '.terragrunt-module-manifest') copies.push(directory);
    }
  return copies;
}

function leadsOut(cache: string, link: string): boolean {
  try {
    const target = realpathSync(link);
    return statSync(target).isDirectory() && !target.startsWith(`${realpathSync(cache)}/`);
  } catch {
    // It leads nowhere.
    return false;
  }
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
