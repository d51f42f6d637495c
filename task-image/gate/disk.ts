/** What lies below a directory of this machine, told by paths from there. Nothing above it is looked at. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Disk {
  /** The names of the files in a directory; undefined where there is none. */
  readonly files: (directory: string) => string[] | undefined;
  /** The start of a file, up to the most that is ever read; undefined where there is none. */
  readonly bytes: (path: string) => Buffer | undefined;
}

/** One more than what is taken, so that a larger file is seen to be larger. */
const mostBytes = 1024 * 1024 + 1;

export function diskBelow(root: string): Disk {
  return {
    files: directory => {
      try {
        return readdirSync(join(root, directory)).filter(name => isFile(join(root, directory, name)));
      } catch {
        return undefined;
      }
    },
    bytes: path => {
      const file = join(root, path);
      if (!isFile(file)) return undefined;
      const buffer = Buffer.alloc(Math.min(statSync(file).size, mostBytes));
      const descriptor = openSync(file, 'r');
      try {
        return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, 0));
      } finally {
        closeSync(descriptor);
      }
    },
  };
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
