import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { zipEntries } from '../../task-image/zip.ts';

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly method?: number;
  readonly flags?: number;
}

/** As APPNOTE 4.3 has it, without what nobody reads. */
function zipOf(entries: readonly Entry[], comment = ''): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, text, method = 8, flags = 0 } of entries) {
    const content = method === 8 ? deflateRawSync(text) : Buffer.from(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(flags, 8);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(content.length, 20);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(at, 42);
    const body = Buffer.concat([local, Buffer.from(name), content]);
    bodies.push(body);
    directory.push(central, Buffer.from(name));
    at += body.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...bodies, ...directory, end, Buffer.from(comment)]);
}

const read = (zip: Buffer) =>
  Object.fromEntries([...(zipEntries(zip) ?? [])].map(([name, content]) => [name, content().toString()]));
const two = [
  { name: 'a', text: 'one' },
  { name: 'b/c', text: 'two', method: 0 },
];

test('an archive has its entries, packed or not', () => {
  expect(read(zipOf(two))).toEqual({ a: 'one', 'b/c': 'two' });
  expect(read(zipOf([]))).toEqual({});
});

describe('no archive is', () => {
  const good = zipOf(two);
  const moreThanThere = Buffer.from(good);
  moreThanThere.writeUInt16LE(3, good.length - 12);
  const fewerThanThere = Buffer.from(good);
  fewerThanThere.writeUInt16LE(1, good.length - 12);
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('plan '.repeat(20))],
    ['one with a name given twice', zipOf([...two, { name: 'a', text: 'three' }])],
    ['one with a comment, which may hold another', zipOf(two, good.toString('latin1'))],
    ['one with something behind it', Buffer.concat([good, Buffer.from('x')])],
    ['one with something before it', Buffer.concat([Buffer.from('x'), good])],
    ['one behind another', Buffer.concat([zipOf([{ name: 'a', text: 'x' }]), good])],
    ['one that is encrypted', zipOf([{ name: 'a', text: 'x', flags: 1 }])],
    ['one that is packed otherwise', zipOf([{ name: 'a', text: 'x', method: 12 }])],
    ['one that is cut short', good.subarray(0, -1)],
    ['one with more entries than it says', fewerThanThere],
    ['one with fewer entries than it says', moreThanThere],
  ])('%s', (_what, zip) => {
    expect(zipEntries(zip)).toBeUndefined();
  });
});

test('an entry that unpacks to too much is not unpacked', () => {
  const bomb = zipOf([{ name: 'a', text: '\0'.repeat(260 * 1024 * 1024) }]);
  expect(bomb.length).toBeLessThan(1024 * 1024);
  expect(zipEntries(bomb)?.get('a')).toThrow(RangeError);
});
