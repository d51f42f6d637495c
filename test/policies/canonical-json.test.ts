import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../policies/canonical-json.ts';

test('sorts keys at every depth, and leaves out white space and what has no value', () => {
  expect(canonicalJson({ b: [{ d: 1, c: 'x' }], a: undefined, A: null })).toBe('{"A":null,"b":[{"c":"x","d":1}]}');
});

test('writes the same for equal data in whatever order it was made, and loses nothing', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), data => {
      const turned = Object.fromEntries(Object.entries(data).reverse());
      expect(canonicalJson(turned)).toBe(canonicalJson(data));
      expect(JSON.parse(canonicalJson(data))).toEqual(JSON.parse(JSON.stringify(data)));
    }),
  );
});
