/** Measures files that processes hold and that are in no directory any more, and memory that poses as a file. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

/** Far more than an honest run has: what is not worth the time to be counted counts as too much. */
const maxFiles = 20_000;
const maxMapBytes = 64 * 1024 * 1024;

/** The bytes that all of them hold together. What a process sends to another and nobody has open is not found. */
export async function namelessBytes(pids: readonly number[]): Promise<number> {
  const sizes = new Map<string, number>();
  let files = 0;
  let mapBytes = 0;
  for (const pid of pids) {
    const open = await orNothing(readdir(`/proc/${pid}/fd`), []);
    files += open.length;
    if (files > maxFiles) return Number.POSITIVE_INFINITY;
    for (const name of open) {
      const file = await orNothing(stat(`/proc/${pid}/fd/${name}`), undefined);
      if (file?.isFile() && file.nlink === 0)
        sizes.set(keyOf(majorOf(file.dev), minorOf(file.dev), file.ino), sizeOf(file));
    }
    const maps = await orNothing(text(createReadStream(`/proc/${pid}/maps`, { end: maxMapBytes - mapBytes })), '');
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

/** A process that has just ended has nothing. */
const orNothing = <T, N>(asked: Promise<T>, nothing: N): Promise<T | N> => asked.catch(() => nothing);
