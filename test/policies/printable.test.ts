import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable, withoutColour, withoutTricks } from '../../policies/printable.ts';

describe('printable', () => {
  test.each([
    ['plain text and tabs', 'a\tb é 語', 'a\tb é 語'],
    ['colours', '\u001b[1;31mred\u001b[0m', '\u001b[1;31mred\u001b[0m'],
    ['a cleared screen', 'a\u001b[2Jb', 'ab'],
    ['a moved cursor', '\u001b[1A\u001b[2Kb', 'b'],
    ['a title', '\u001b]0;title\u0007b', 'b'],
    ['a link', '\u001b]8;;http://x\u001b\\text\u001b]8;;\u001b\\', 'text'],
    ['a clipboard write without an end', 'a\u001b]52;c;eA==', 'a'],
    ['a device control string', '\u001bPq1\u001b\\b', 'b'],
    ['a reset', '\u001bcb', 'b'],
    ['a lone escape at the end', 'a\u001b', 'a'],
    ['a colour with too many parameters', `\u001b[${'1;'.repeat(40)}mb`, 'b'],
    ['bidi controls', 'a\u061c\u200e\u200f\u202a\u202e\u2066\u2069b', 'ab'],
    ['characters of no width', 'a\u200b\u200c\u200d\u2060\u2064\ufeff\u00ad\u180e\u034f\u115f\u3164\ufe0fb', 'ab'],
    ['tags and more variation selectors', 'a\u{e0001}\u{e0041}\u{e007f}\u{e0100}b', 'ab'],
    ['line and paragraph separators', 'a\u2028b\u2029c\u0085d', 'abcd'],
    ['half characters, which two halves around them would make whole', '\udb40\u200b\udc41', ''],
    ['an emoji of parts', '\u{1f468}\u200d\u{1f469}', '\u{1f468}\u{1f469}'],
    ['a text that a line end would overwrite', 'delete\rcreate', 'deletecreate'],
    ['a section of a GitLab log', 'section_start:1:x\r\u001b[0Kx', 'section-start:1:xx'],
    ['the end of one, not at the beginning', 'a section_end:1:x', 'a section-end:1:x'],
    ['a section made of what is left', 'sec\u200btion\u0000_start:1:x', 'section-start:1:x'],
    ['a section within a section', 'section_section_end:start:1:x', 'section_section-end:start:1:x'],
    [
      'what is no mark of a section',
      'section_started: section_ending: section_name',
      'section_started: section_ending: section_name',
    ],
    ['a section with colours in it', 'sect\u001b[1mion\u001b[0m_end:', 'sect\u001b[1mion\u001b[0m-end:'],
    [
      'text of many languages',
      'ß é 語 العربية עברית हिन्दी ไทย 🚀 │╷╵ → ✔',
      'ß é 語 العربية עברית हिन्दी ไทย 🚀 │╷╵ → ✔',
    ],
    ['single control characters', 'a\u0000\u0008\r\n\u007f\u009bb', 'ab'],
  ])('%s', (_, line, expected) => {
    expect(printable(line)).toBe(expected);
  });

  const lines = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'\u001b\u001b[]0;:mJP\\\u0007\u009b\u0000\t a') }),
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom(
        ...['section_', 'start', 'end:', 's', '_'],
        '\u001b[1m',
        '\u200b',
        '\udb40',
        '\udc41',
        '\n',
      ),
    }),
  );

  test('leaves no control character but tabs and the escapes of colours, and maps what it makes to itself', () => {
    fc.assert(
      fc.property(lines, line => {
        const clean = printable(line);
        expect(clean.replaceAll(/\u001b\[[0-9;:]*m/g, '')).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
        expect(printable(clean)).toBe(clean);
        expect(withoutColour(line)).not.toMatch(/section_(start|end):|[\p{Cf}\p{Cs}\u2028\u2029\n]/u);
        expect(withoutColour(clean)).toBe(withoutColour(line));
      }),
      { numRuns: 1000 },
    );
  });
});

test('printable removes exactly the characters of one unit that nobody sees, and the escape', () => {
  const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
  const wrong = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter(
    char => char !== '\t' && (printable(char) === '') !== unseen.test(char),
  );
  expect(wrong).toEqual([]);
});

test('withoutColour removes the colours too', () => {
  expect(withoutColour('\u001b[1;31mred\u001b[0m\u001b[2J\tx')).toBe('red\tx');
});

test('withoutTricks cleans each of many lines, and leaves the marks of sections', () => {
  expect(withoutTricks('plain\na\u001b[2Jb\u001b]0;no end\nc\r\nsection_start:1:x\n')).toBe(
    'plain\nab\nc\nsection_start:1:x\n',
  );
});
