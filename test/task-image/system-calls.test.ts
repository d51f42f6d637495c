import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemCallFilter } from '../../task-image/system-calls.ts';

const [allowed, refused, killed] = [0x7fff0000, 0x00050001, 0x80000000];

/** What the kernel makes of it (net/core/filter.c), of the few instructions that it has. */
function answer(arch: number, call: number): number {
  let loaded = 0;
  for (let at = 0; at < systemCallFilter.length; at += 8) {
    const value = systemCallFilter.readUInt32LE(at + 4);
    const jump = (isTrue: boolean) => 8 * systemCallFilter.readUInt8(at + (isTrue ? 2 : 3));
    switch (systemCallFilter.readUInt16LE(at)) {
      case 0x20:
        loaded = value === 4 ? arch : call;
        break;
      case 0x15:
        at += jump(loaded === value);
        break;
      case 0x35:
        at += jump(loaded >= value);
        break;
      default:
        return value;
    }
  }
  throw new Error('it has no end');
}

const archs: readonly [string, number, readonly number[]][] = [
  ['x86_64', 0xc000003e, [29, 248, 249, 250]],
  ['aarch64', 0xc00000b7, [194, 217, 218, 219]],
  ['riscv64', 0xc00000f3, [194, 217, 218, 219]],
  ['i386', 0x40000003, [117, 286, 287, 288, 395]],
  ['arm', 0x40000028, [307, 309, 310, 311]],
];

test.each(archs)('of %s the calls for keys and nobody’s memory are refused, and no others', (_name, arch, calls) => {
  for (let call = 0; call < 1000; call += 1) expect(answer(arch, call)).toBe(calls.includes(call) ? refused : allowed);
});

test('of x32, which numbers the same calls anew, all are refused', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xfff }), n => answer(0xc000003e, 0x40000000 + n) === refused));
});

test('an architecture that is not known makes no call', () => {
  const known = new Set(archs.map(([, arch]) => arch));
  const unknown = fc.integer({ min: 0, max: 0xffffffff }).filter(arch => !known.has(arch));
  fc.assert(fc.property(unknown, fc.nat(500), (arch, call) => answer(arch, call) === killed));
});
