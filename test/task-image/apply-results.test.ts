import fc from 'fast-check';
import { expect, test } from 'vitest';
import { beforeResults } from '../../task-image/apply-results.ts';
import { pieces } from './lines-of.ts';

const progress = 'null_resource.x: Still creating... [10s elapsed]\n';

test.each(['╷', '│ Error', 'Error: no', 'Warning: old', '\u001b[32m\nOutputs:\n'])(
  'an apply repeats values after %j, wherever its output is cut',
  begin => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 20 }), positions => {
        const before = beforeResults();
        const text = Buffer.from(`${progress}${begin}`);
        const sizes = pieces(text, positions).map(piece => [before(Buffer.from(piece)), piece.length] as const);
        const held = sizes.findIndex(([size, length]) => size < length);
        expect(held).toBeGreaterThanOrEqual(0);
        const shown = sizes.slice(0, held + 1).reduce((sum, [size]) => sum + size, 0);
        // Of a mark that is cut in two, its beginning has been shown.
        expect(shown).toBeGreaterThanOrEqual(progress.length);
        expect(shown).toBeLessThan(text.length);
      }),
    );
  },
);

test('an apply repeats no values in its progress', () => {
  const before = beforeResults();
  const chunk = Buffer.from(progress);
  expect(new Set(Array.from({ length: 100 }, () => before(chunk)))).toEqual(new Set([chunk.length]));
});
