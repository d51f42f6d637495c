/** Reads a zip archive in the one way in which every reader understands it; anything else in it is no archive. */
import { inflateRawSync } from 'node:zlib';

const endSize = 22;
const mostBytes = 256 * 1024 * 1024;

/**
 * Every entry by its name (APPNOTE 4.3). Undefined where readers could differ: something before or behind the archive, a
 * comment, zip64, encryption, a name given twice.
 */
export function zipEntries(zip: Buffer): ReadonlyMap<string, () => Buffer> | undefined {
  try {
    return entriesOf(zip);
  } catch {
    // It points to where nothing is.
    return undefined;
  }
}

function entriesOf(zip: Buffer): ReadonlyMap<string, () => Buffer> | undefined {
  const end = zip.length - endSize;
  if (zip.readUInt32LE(end) !== 0x06054b50 || zip.readUInt16LE(end + 20) !== 0) return undefined;
  const count = zip.readUInt16LE(end + 10);
  const start = zip.readUInt32LE(end + 16);
  if (start + zip.readUInt32LE(end + 12) !== end || count === 0xffff || start === 0xffffffff) return undefined;
  const entries = new Map<string, () => Buffer>();
  let at = start;
  for (let left = count; left > 0; left -= 1) {
    if (zip.readUInt32LE(at) !== 0x02014b50) return undefined;
    const [flags, method] = [zip.readUInt16LE(at + 8), zip.readUInt16LE(at + 10)];
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, nameEnd);
    if ((flags & 1) !== 0 || (method !== 0 && method !== 8) || entries.has(name)) return undefined;
    entries.set(name, contentOf(zip, method, zip.readUInt32LE(at + 42), zip.readUInt32LE(at + 20)));
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return at === end ? entries : undefined;
}

const contentOf = (zip: Buffer, method: number, header: number, size: number) => () => {
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const packed = zip.subarray(start, start + size);
  return method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: mostBytes });
};
