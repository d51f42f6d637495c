import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newMasker } from '../../task-image/masking/masker.ts';
import { lineSplitter } from '../../task-image/output.ts';
import { linesOf } from './lines-of.ts';

const bytes = (text: string) => Buffer.from(text, 'utf8');
const esc = '\u001b';

describe('lines', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['\n', ['']],
    ['one\ntwo\n', ['one', 'two']],
    ['one\n\nno end', ['one', '', 'no end']],
    ['windows\r\n', ['windows']],
    ['progress\rdone\n', ['progressdone']],
    ['tab\there\n', ['tab\there']],
    ['\ufeffmark\n', ['mark']],
  ])('of %j are %j', async (text, lines) => {
    expect(await linesOf([], bytes(text))).toEqual(lines);
  });

  test('are the same wherever the bytes are split', async () => {
    const text = bytes(`plain\n${esc}[31mrot: äöü €\n𝔘𝔫𝔦 🚀${esc}[0m\r\n${esc}]0;title\u0007x\nno end 🚀`);
    const whole = await linesOf([], text);
    expect(whole).toEqual(['plain', `${esc}[31mrot: äöü €`, `𝔘𝔫𝔦 🚀${esc}[0m`, 'x', 'no end 🚀']);
    for (let at = 0; at <= text.length; at += 1)
      expect(await linesOf([], text.subarray(0, at), text.subarray(at))).toEqual(whole);
    expect(await linesOf([], ...[...text].map(byte => Uint8Array.of(byte)))).toEqual(whole);
  });

  test('are the same for any text in any pieces', async () => {
    const unit = fc.constantFrom(
      'a',
      '\n',
      '\r',
      'é',
      '€',
      '🚀',
      `${esc}[1m`,
      `${esc}[`,
      esc,
      '\u0007',
      '\u009b',
      '\0',
    );
    const text = fc.array(unit, { maxLength: 60 }).map(parts => bytes(parts.join('')));
    const cuts = fc.array(fc.nat(200), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(text, cuts, async (whole, positions) => {
        const ends = [...positions.filter(at => at < whole.length).sort((a, b) => a - b), whole.length];
        const pieces = ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
        expect(await linesOf([], ...pieces)).toEqual(await linesOf([], whole));
      }),
    );
  });

  test('show what is no UTF-8 as such, and go on', async () => {
    expect(await linesOf([], Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0x63, 0x0a))).toEqual(['a\ufffdb', 'c']);
    expect(await linesOf([], bytes('🚀').subarray(0, 2))).toEqual(['\ufffd']);
  });

  test('without an end are cut, at the same place whether they come at once or in pieces', async () => {
    const long = bytes(`${'x'.repeat(100_000)}\nshort\n`);
    const whole = await linesOf([], long);
    expect(whole.map(line => line.length)).toEqual([32_768, 32_768, 32_768, 1696, 5]);
    expect(await linesOf([], long.subarray(0, 40_000), long.subarray(40_000))).toEqual(whole);
    expect(await linesOf([], long.subarray(0, 32_768), long.subarray(32_768))).toEqual(whole);
  });

  test('are not cut within a character', async () => {
    const whole = await linesOf([], bytes(`x${'🚀'.repeat(20_000)}\n`));
    expect(whole.join('')).toBe(`x${'🚀'.repeat(20_000)}`);
    expect(whole.every(line => line.isWellFormed())).toBe(true);
  });

  test('hold the tool back until they are taken', async () => {
    const taken: string[] = [];
    let release = () => {};
    const splitter = lineSplitter(newMasker().stream(), text => {
      taken.push(text);
      return new Promise(resolve => {
        release = resolve;
      });
    });
    let written = false;
    const writing = splitter.write(bytes('one\ntwo\n')).then(() => {
      written = true;
    });
    await new Promise(setImmediate);
    expect({ taken, written }).toEqual({ taken: ['one'], written: false });
    release();
    await new Promise(setImmediate);
    release();
    await writing;
    expect(taken).toEqual(['one', 'two']);
  });
});

describe('what a terminal would obey', () => {
  test.each([
    ['colours', `${esc}[1;31mred${esc}[0m`, `${esc}[1;31mred${esc}[0m`],
    ['cursor movements', `a${esc}[2Ab${esc}[2Kc`, 'abc'],
    ['a title', `a${esc}]0;evil\u0007b`, 'ab'],
    ['a link', `${esc}]8;;http://x\u001b\\text${esc}]8;;\u001b\\`, 'text'],
    ['a clipboard write', `a${esc}]52;c;ZXZpbA==\u0007b`, 'ab'],
    ['one-byte controls', 'a\u009b2Jb\u0008\u0000c', 'a2Jbc'],
    ['an escape that never ends', `a${esc}[31`, 'a'],
  ])('%s', async (_what, text, expected) => {
    expect(await linesOf([], bytes(`${text}\n`))).toEqual([expected]);
  });

  test('is colour at most, whatever comes', async () => {
    const unit = fc.constantFrom(
      ...Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)),
      `${esc}[`,
      '🚀',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(unit, { maxLength: 40 }), async parts => {
        for (const line of await linesOf([], bytes(parts.join('')))) {
          const rest = line.replaceAll(/\u001b\[[0-9;:]*m/g, '');
          expect(rest).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
        }
      }),
    );
  });
});
