/** Writes a small zip archive, for tests of the reader. */
import { crc32, deflateRawSync } from 'node:zlib';

/** Every file deflated, in the order given; local headers carry an extra field, as real archives may. */
export function zip(files: Readonly<Record<string, string>>): Buffer {
  const records: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const nameBytes = Buffer.from(name);
    const packed = deflateRawSync(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(text), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(Buffer.byteLength(text), 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const extra = Buffer.from([0x99, 0x99, 0, 0]);
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const record = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), local, nameBytes, extra, packed]);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, place, nameBytes]));
    records.push(record);
    offset += record.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...records, entries, end]);
}
