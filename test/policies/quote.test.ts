import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quote } from '../../policies/quote.ts';

test('shows plain text as it is', () => {
  expect(quote('refs/heads/main')).toBe('`refs/heads/main`');
});

test('escapes what a terminal or a reader could take for something else', () => {
  expect(quote('a`b\n\u001b[2Jé')).toBe('`a\\u0060b\\u000a\\u001b[2J\\u00e9`');
});

test('cuts long text', () => {
  expect(quote('x'.repeat(81))).toBe(`\`${'x'.repeat(80)}...\``);
});

test('is always one short line of printable ASCII with a backtick at each end only', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => {
      expect(quote(text)).toMatch(/^`[ -_a-~]{0,483}`$/);
    }),
  );
});
