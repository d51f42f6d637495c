import { describe, expect, test } from 'vitest';
import { zipEntries } from '../../task-image/zip.ts';
import { zipOf } from './zip.ts';

const read = (zip: Buffer) =>
  Object.fromEntries([...(zipEntries(zip) ?? [])].map(([name, content]) => [name, content.toString()]));
/** What an entry is said to have: where its header is, and how long its content. */
const claiming = (zip: Buffer, entry: 'a' | 'b/c', field: 20 | 42, value: number): Buffer => {
  const changed = Buffer.from(zip);
  changed.writeUInt32LE(value, changed.lastIndexOf(entry) - 46 + field);
  return changed;
};
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
    ['one with two names for the same bytes', claiming(good, 'b/c', 42, 0)],
    ['one with an entry that holds the next one', claiming(good, 'a', 20, 30)],
    ['one with an entry that reaches into its directory', claiming(good, 'b/c', 20, 4)],
    ['one with an entry beyond its end', claiming(good, 'b/c', 42, 0x7fffffff)],
    ['one whose content is not packed as it says', claiming(good, 'a', 20, 1)],
    ['one that is cut short', good.subarray(0, -1)],
    ['one with more entries than it says', fewerThanThere],
    ['one with fewer entries than it says', moreThanThere],
  ])('%s', (_what, zip) => {
    expect(zipEntries(zip)).toBeUndefined();
  });
});

test.each<[string, readonly number[]]>([
  ['one entry', [260]],
  ['two entries together', [130, 130]],
])('an archive is none where %s would unpack to too much', (_what, sizes) => {
  const bomb = zipOf(sizes.map((size, index) => ({ name: `${index}`, text: '\0'.repeat(size * 1024 * 1024) })));
  expect(bomb.length).toBeLessThan(1024 * 1024);
  expect(zipEntries(bomb)).toBeUndefined();
});
