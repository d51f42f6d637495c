/** Reads a zip archive in the one way in which every reader understands it; anything else in it is no archive. */
import { inflateRawSync } from 'node:zlib';

const endSize = 22;
/** Of everything in an archive together. */
const mostBytes = 256 * 1024 * 1024;

/**
 * The content of every entry by its name (APPNOTE 4.3). Undefined where readers could differ: something before or behind the
 * archive, a comment, zip64, encryption, a name given twice; where entries overlap, and where they unpack to too much.
 */
export function zipEntries(zip: Buffer): ReadonlyMap<string, Buffer> | undefined {
  try {
    const packed = packedEntries(zip);
    return packed === undefined || doOverlap(packed) ? undefined : unpacked(packed);
  } catch {
    // It points to where nothing is, or is not packed as it says.
    return undefined;
  }
}

interface PackedEntry {
  readonly name: string;
  readonly isDeflated: boolean;
  /** Where its header begins. */
  readonly from: number;
  /** Where its content ends. */
  readonly to: number;
  readonly content: Buffer;
}

function packedEntries(zip: Buffer): readonly PackedEntry[] | undefined {
  const end = zip.length - endSize;
  if (zip.readUInt32LE(end) !== 0x06054b50 || zip.readUInt16LE(end + 20) !== 0) return undefined;
  const count = zip.readUInt16LE(end + 10);
  const start = zip.readUInt32LE(end + 16);
  if (start + zip.readUInt32LE(end + 12) !== end || count === 0xffff || start === 0xffffffff) return undefined;
  const entries: PackedEntry[] = [];
  let at = start;
  for (let left = count; left > 0; left -= 1) {
    if (zip.readUInt32LE(at) !== 0x02014b50) return undefined;
    const [flags, method] = [zip.readUInt16LE(at + 8), zip.readUInt16LE(at + 10)];
    if ((flags & 1) !== 0 || (method !== 0 && method !== 8)) return undefined;
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    const from = zip.readUInt32LE(at + 42);
    const contentAt = from + 30 + zip.readUInt16LE(from + 26) + zip.readUInt16LE(from + 28);
    const to = contentAt + zip.readUInt32LE(at + 20);
    if (to > start) return undefined;
    const name = zip.toString('utf8', at + 46, nameEnd);
    entries.push({ name, isDeflated: method === 8, from, to, content: zip.subarray(contentAt, to) });
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return at === end ? entries : undefined;
}

function doOverlap(entries: readonly PackedEntry[]): boolean {
  const inOrder = entries.toSorted((a, b) => a.from - b.from);
  return inOrder.some(({ from }, index) => from < (inOrder[index - 1]?.to ?? 0));
}

function unpacked(packed: readonly PackedEntry[]): ReadonlyMap<string, Buffer> | undefined {
  const entries = new Map<string, Buffer>();
  let left = mostBytes;
  for (const { name, isDeflated, content } of packed) {
    // Zero would be no limit that zlib takes.
    const bytes = isDeflated ? inflateRawSync(content, { maxOutputLength: Math.max(left, 1) }) : content;
    left -= bytes.length;
    if (left < 0 || entries.has(name)) return undefined;
    entries.set(name, bytes);
  }
  return entries;
}
