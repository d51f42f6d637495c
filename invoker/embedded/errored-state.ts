/** Finds the state that a backend did not take in a clone where hostile code may have put anything beside it. */
import { type Dir, type Dirent, lstatSync, opendirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const name = 'errored.tfstate';
/** More than a run may make. */
const maxEntries = 100_000;

/** Terraform puts it where it works: in the stack's own directory, or in a copy below Terragrunt's cache. No link is followed. */
export function findErroredState(clone: string, path: string): string | undefined {
  try {
    const own = join(realpathSync(clone), path);
    // A link on the way would lead to what is not the run's.
    if (realpathSync(own) !== own) return undefined;
    const file = join(own, name);
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile()) return file;
    const cache = join(own, '.terragrunt-cache');
    return lstatSync(cache).isDirectory() ? firstBelow(cache) : undefined;
  } catch {
    return undefined;
  }
}

function firstBelow(top: string): string | undefined {
  const directories = [top];
  let entries = 0;
  // It grows meanwhile.
  for (const directory of directories)
    for (const entry of entriesOf(directory)) {
      const place = join(directory, entry.name);
      if (entry.name === name && entry.isFile()) return place;
      if (entry.isDirectory()) directories.push(place);
      entries += 1;
      if (entries > maxEntries) return undefined;
    }
  return undefined;
}

/** One by one: there may be more than fit into memory. */
function* entriesOf(directory: string): Generator<Dirent> {
  let opened: Dir | undefined;
  try {
    opened = opendirSync(directory);
    for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) yield entry;
  } catch {
    // What cannot be opened, or has too long a path, holds no state of Terraform's.
  } finally {
    opened?.closeSync();
  }
}
