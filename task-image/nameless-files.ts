/** Measures files that processes hold and that are in no directory any more, and memory that poses as a file. */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

/** Far more than an honest run has: what is not worth the time to be counted counts as too much. */
const maxFiles = 20_000;
const maxMapBytes = 64 * 1024 * 1024;

/**
 * The bytes that all of them hold together, or that one of them hides what it holds, as one does that runs a program which
 * may be run and not be read. What a process sends to another and nobody has open is not found; nor is, by a root without
 * the capability to look, anything.
 */
export async function namelessBytes(pids: readonly number[]): Promise<number | 'hidden'> {
  const sizes = new Map<string, number>();
  let files = 0;
  let mapBytes = 0;
  for (const pid of pids) {
    const open = await orRefused(readdir(`/proc/${pid}/fd`), []);
    if (open === 'refused' && (await isHiding(pid))) return 'hidden';
    if (open === 'refused') continue;
    files += open.length;
    if (files > maxFiles) return Number.POSITIVE_INFINITY;
    for (const name of open) {
      const file = await orNothing(stat(`/proc/${pid}/fd/${name}`), undefined);
      if (file?.isFile() && file.nlink === 0)
        sizes.set(keyOf(majorOf(file.dev), minorOf(file.dev), file.ino), sizeOf(file));
    }
    const maps = await orRefused(text(createReadStream(`/proc/${pid}/maps`, { end: maxMapBytes - mapBytes })), '');
    if (maps === 'refused' && (await isHiding(pid))) return 'hidden';
    if (maps === 'refused') continue;
    mapBytes += maps.length;
    if (mapBytes > maxMapBytes) return Number.POSITIVE_INFINITY;
    for (const { key, range, offset, length } of namelessMappings(maps)) {
      files += 1;
      if (files > maxFiles) return Number.POSITIVE_INFINITY;
      // Only root may look at the file behind it: to others it is as long as what is mapped of it.
      const file = await orNothing(stat(`/proc/${pid}/map_files/${range}`), undefined);
      if (file) sizes.set(key, sizeOf(file));
      else if (!sizes.has(key)) sizes.set(`${key}@${offset}`, Math.max(sizes.get(`${key}@${offset}`) ?? 0, length));
    }
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** Lines like `7f00-7f10 rw-s 00000000 00:01 1029 /memfd:name (deleted)`. */
function namelessMappings(maps: string): { key: string; range: string; offset: string; length: number }[] {
  return maps.split('\n').flatMap(line => {
    if (!line.endsWith(' (deleted)')) return [];
    const [range = '', , offset = '', device = '', inode = ''] = line.split(' ');
    const [from = 0, to = 0] = range.split('-').map(hex);
    const [major = 0, minor = 0] = device.split(':').map(hex);
    return [{ key: keyOf(major, minor, Number(inode)), range, offset, length: to - from }];
  });
}

const keyOf = (major: number, minor: number, inode: number): string => `${major}:${minor}:${inode}`;

/** The parts of a device number, as makedev(3) of the GNU C library puts them together. */
const majorOf = (device: number): number => (device >>> 8) & 0xfff;
const minorOf = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00);

const hex = (digits: string): number => Number.parseInt(digits, 16);

const sizeOf = ({ blocks }: { readonly blocks: number }): number => blocks * 512;

/** Of a process that has ended and was not waited for, and so has no memory, nobody may see anything either. */
async function isHiding(pid: number): Promise<boolean> {
  // A task's root has no capability to look, and its platform sets the limits.
  if (process.geteuid?.() === 0) return false;
  return /^VmSize:/m.test(await orNothing(readFile(`/proc/${pid}/status`, 'latin1'), ''));
}

async function orRefused<T, N>(asked: Promise<T>, nothing: N): Promise<T | N | 'refused'> {
  return asked.catch(({ code }: NodeJS.ErrnoException) =>
    code === 'EACCES' || code === 'EPERM' ? 'refused' : nothing,
  );
}

/** A process that has just ended has nothing. */
const orNothing = <T, N>(asked: Promise<T>, nothing: N): Promise<T | N> => asked.catch(() => nothing);
