import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable, withoutColour } from '../../policies/printable.ts';

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
    ['single control characters', 'a\u0000\u0008\r\n\u007f\u009bb', 'ab'],
  ])('%s', (_, line, expected) => {
    expect(printable(line)).toBe(expected);
  });

  const lines = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'\u001b\u001b[]0;:mJP\\\u0007\u009b\u0000\t a') }),
    fc.string({ unit: 'binary' }),
  );

  test('leaves no control character but tabs and the escapes of colours, and maps what it makes to itself', () => {
    fc.assert(
      fc.property(lines, line => {
        const clean = printable(line);
        expect(clean.replaceAll(/\u001b\[[0-9;:]*m/g, '')).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
        expect(printable(clean)).toBe(clean);
      }),
      { numRuns: 1000 },
    );
  });
});

test('withoutColour removes the colours too', () => {
  expect(withoutColour('\u001b[1;31mred\u001b[0m\u001b[2J\tx')).toBe('red\tx');
});
