import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrictJson } from '../../policies/strict-json.ts';

const parse = (text: string) => parseStrictJson(new TextEncoder().encode(text));
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('parseStrictJson', () => {
  test('reads what every parser reads alike', () => {
    expect(parse(' {"a": [1, "x\\n\\u00e9", null], "b": {"a": true}} ')).toEqual({
      ok: true,
      value: { a: [1, 'x\né', null], b: { a: true } },
    });
  });

  test.each([
    ['nothing', ''],
    ['half a value', '{"a":'],
    ['two values', '{} {}'],
    ['single quotes', "{'a': 1}"],
    ['a comment', '{} // x'],
    ['a byte order mark', '\ufeff{}'],
    ['the same key twice', '{"a": 1, "a": 1}'],
    ['the same key twice inside', '[{"b": {"a": 1, "a": 2}}]'],
    ['the same key in two spellings', '{"a": 1, "\\u0061": 2}'],
    ['the key of prototypes', '{"__proto__": {}}'],
    ['that key in another spelling', '{"a": {"\\u005f_proto__": {}}}'],
    ['the key of constructors', '{"constructor": {}}'],
    ['the key of their prototypes', '{"prototype": {}}'],
    ['half of a pair in a text', '["\\ud800"]'],
    ['half of a pair in a key', '{"\\udc00": 1}'],
    ['a value seventeen levels deep', nested(17)],
    ['a value a million levels deep', nested(1_000_000)],
  ])('refuses %s', (_, text) => {
    expect(parse(text)).toMatchObject({ ok: false, problem: { code: 'E_JSON' } });
  });

  test('refuses bytes that are not UTF-8', () => {
    expect(parseStrictJson(Uint8Array.of(0x22, 0xc0, 0xae, 0x22))).toMatchObject({
      ok: false,
      problem: { code: 'E_JSON' },
    });
  });

  test('reads sixteen levels', () => {
    expect(parse(nested(16)).ok).toBe(true);
  });

  test('reads what it is told to read, and no more', () => {
    const limits = { maxDepth: 20, forbiddenKeys: new Set(['__proto__']) };
    expect(parseStrictJson(nested(20), limits).ok).toBe(true);
    expect(parseStrictJson(nested(21), limits).ok).toBe(false);
    expect(parseStrictJson('{"constructor": 1}', limits).ok).toBe(true);
    expect(parseStrictJson('{"__proto__": 1}', limits).ok).toBe(false);
  });

  test('takes quotes and colons inside texts for text', () => {
    expect(parse('{"a": "\\"b\\": 1, \\"a\\": 2", "\\"a\\":": ":"}').ok).toBe(true);
  });

  test('reads a text of a million escapes', () => {
    expect(parse(`["${'\\"'.repeat(1_000_000)}"]`).ok).toBe(true);
  });

  test('agrees with JSON.parse on what it accepts, and accepts what JSON.stringify writes', () => {
    const plain = fc.jsonValue({ maxDepth: 8 }).filter(isPlain);
    fc.assert(
      fc.property(plain, fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });
});

const isPlain = (value: unknown): boolean => !/__proto__|constructor|prototype|\\ud[89a-f]/.test(JSON.stringify(value));
