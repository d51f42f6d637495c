/** What lies below a directory of this machine, told by paths from there. Nothing above it is looked at. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Disk {
  /** The names in a directory that are of no directory, readable or not; undefined where there is no directory. */
  readonly files: (directory: string) => readonly string[] | undefined;
  /** The start of a file, up to one more than the most that is taken; undefined where none can be read. */
  readonly bytes: (path: string) => Buffer | undefined;
}

/** Of a file. */
export const mostBytes = 1024 * 1024;

/** INVARIANT: a name with this in it may stand for any that is not UTF-8, so it is the name of nothing that can be read. */
const noText = '\ufffd';

/** What lies there is taken to stay as it is: each directory is listed once. */
export function diskBelow(root: string): Disk {
  const listings = new Map<string, readonly string[] | undefined>();
  return {
    files: directory => {
      if (!listings.has(directory)) listings.set(directory, listing(join(root, directory)));
      return listings.get(directory);
    },
    bytes: path => {
      const file = join(root, path);
      if (path.includes(noText) || !isFile(file)) return undefined;
      const buffer = Buffer.alloc(Math.min(statSync(file).size, mostBytes + 1));
      const descriptor = openSync(file, 'r');
      try {
        return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, 0));
      } finally {
        closeSync(descriptor);
      }
    },
  };
}

function listing(directory: string): string[] | undefined {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter(entry => !entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
