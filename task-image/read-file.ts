/** Reads what Terraform has left: a regular file at its own place, never a link, a pipe or a device instead of it. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** As much as the door takes of a plan. A file with holes may be far larger than the disk. */
export const mostBytes = 256 * 1024 * 1024;

/** Undefined where there is no such file, or one that is too large; the directory around it must not be the tool's to replace. */
export function readRegular(file: string): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = fstatSync(descriptor);
    return found.isFile() && found.size <= mostBytes ? readFileSync(descriptor) : undefined;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

export const readIfThere = (file: string): string | undefined => readRegular(file)?.toString('utf8');
