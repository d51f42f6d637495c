import { describe, expect, test } from 'vitest';
import { readBackend } from '../../task-image/plan-backend.ts';

/** A field with bytes, as protobuf writes it; all of these are short. */
const field = (number: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
};
const settings = Buffer.from([0x82, 0xa1, 0x6b, 0xa1, 0x76, 0xa1, 0x6e, 0xc0]);
const backend = (config = settings, more: readonly Buffer[] = []) =>
  Buffer.concat([field(1, 's3'), field(2, field(1, config)), field(3, 'default'), ...more]);
const plan = (...parts: readonly Buffer[]) => Buffer.concat([Buffer.from([0x08, 0x03]), ...parts]);

test('the backend of a plan is its type, what is set of it, and the workspace', () => {
  const found = { type: 's3', config: { k: 'v' }, workspace: 'default' };
  expect(readBackend(plan(field(13, backend())))).toEqual(found);
  const around = [Buffer.from([0x80, 0x01, 0xff, 0xff, 0x01]), field(9, 'x'), Buffer.from([0x21, ...Array(8).fill(0)])];
  expect(readBackend(plan(...around, field(13, backend()), Buffer.from([0x25, 0, 0, 0, 0])))).toEqual(found);
});

test.each<[string, readonly number[], unknown]>([
  ['numbers', [0x94, 7, 0xff, 0xcd, 1, 0, 0xd2, 0xff, 0xff, 0xff, 0xfe], [7, -1, 256, -2]],
  ['large numbers', [0x93, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xcc, 200, 0xd1, 0xff, 0], [1.5, 200, -256]],
  ['long ones', [0x92, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 0xd3, ...Array(8).fill(0xff)], [4294967296, -1]],
  ['yes and no', [0x92, 0xc3, 0xc2], [true, false]],
  ['texts', [0x92, 0xd9, 1, 0x78, 0xda, 0, 1, 0x79], ['x', 'y']],
  ['lists', [0xdc, 0, 1, 0x90], [[]]],
  ['lists in lists', [...Array(50).fill(0x91), 0xc2], Array.from({ length: 50 }).reduce(inner => [inner], false)],
  ['maps', [0xde, 0, 1, 0xa1, 0x78, 0x80], { x: {} }],
])('%s in it are read as they were written', (_what, bytes, value) => {
  const config = Buffer.from([0x81, 0xa1, 0x6b, ...bytes]);
  expect(readBackend(plan(field(13, backend(config))))?.config).toEqual({ k: value });
});

describe('there is no backend where it', () => {
  test.each<[string, Buffer]>([
    ['is missing', plan()],
    ['is there twice', plan(field(13, backend()), field(13, backend()))],
    ['is a number', plan(Buffer.from([13 * 8, 1]))],
    ['has its type twice', plan(field(13, backend(settings, [field(1, 'local')])))],
    ['has its settings twice', plan(field(13, backend(settings, [field(2, field(1, settings))])))],
    ['has a setting twice', plan(field(13, backend(Buffer.from([0x82, 0xa1, 0x6b, 1, 0xa1, 0x6b, 2]))))],
    ['has settings that are no map', plan(field(13, backend(Buffer.from([0x90]))))],
    ['has settings that are not known', plan(field(13, backend(Buffer.from([0x81, 0xa1, 0x6b, 0xd4, 0, 0]))))],
    ['has something behind its settings', plan(field(13, backend(Buffer.from([...settings, 0xc0]))))],
    ['has settings that are cut short', plan(field(13, backend(Buffer.from([0x81, 0xa5, 0x6b]))))],
    [
      'has settings that are too deep',
      plan(field(13, backend(Buffer.from([0x81, 0xa1, 0x6b, ...Array(100).fill(0x91), 0xc2])))),
    ],
    ['is cut short', plan(field(13, backend())).subarray(0, -1)],
    ['has a field of a kind that is not known', plan(Buffer.from([0x0b]), field(13, backend()))],
    ['has a number that never ends', plan(Buffer.from(Array(12).fill(0xff)))],
  ])('%s', (_what, bytes) => {
    expect(readBackend(bytes)).toBeUndefined();
  });
});
