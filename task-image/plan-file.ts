/** What Terraform keeps in a plan file, which is a zip archive: the state it was made from, and the dependency lock. */
import { inflateRawSync } from 'node:zlib';

/** Lineage and serial of the state a plan was made from. */
export function plannedState(planFile: Buffer): { lineage?: string; before?: number } {
  const entry = zipEntry(planFile, 'tfstate');
  if (entry === undefined) return {};
  const { lineage, serial } = JSON.parse(entry.toString('utf8')) as { lineage?: string; serial?: number };
  return { ...(lineage ? { lineage } : {}), ...(serial === undefined ? {} : { before: serial }) };
}

/** The lock file of the stack as it was when the plan was made. */
export const plannedLock = (planFile: Buffer): Buffer | undefined => zipEntry(planFile, '.terraform.lock.hcl');

/** One entry of a zip archive, found by its central directory (APPNOTE 4.3); no zip64, which plan files are not. */
function zipEntry(zip: Buffer, name: string): Buffer | undefined {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) return undefined;
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const header = zip.readUInt32LE(at + 42);
      const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
      const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      return zip.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed, { maxOutputLength: 256 * 1024 * 1024 });
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return undefined;
}
