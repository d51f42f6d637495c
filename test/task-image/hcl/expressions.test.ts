import fc from 'fast-check';
import { expect, test } from 'vitest';
import { between, calls, split, templates, withoutTexts } from '../../../task-image/hcl/expressions.ts';

const f = /^f$/;

test.each([
  ['f(1)', []],
  ['${f(1)}', [['1']]],
  ['${f()}', [['']]],
  ['%{ if f(a, "b,)") }x%{ endif }', [['a', '"b,)"']]],
  ['${g(f(1), f([2, 3]))}', [['1'], ['[2, 3]']]],
  ['${ns::f /* ( */ (\n1)}', [['1']]],
  ['${f # (\n(1)}', [['1']]],
  ['${ff(1)} ${f-x(1)} ${xf(1)}', []],
  ['${f("${f("}")}")}', [['"${f("}")}"'], ['"}"']]],
  ['${"f(1)"}', [['1']]],
  ['${f("}', [['"}']]],
] as const)('the calls in %j are %j', (text, args) => {
  expect(calls(text, f)?.map(call => call.args)).toEqual(args);
});

test('too many calls, or one hidden behind a long comment, cannot be told', () => {
  expect(calls(`\${${'f(1),'.repeat(501)}}`, f)).toBeUndefined();
  expect(calls(`\${f /*${'x'.repeat(5000)}*/ (1)}`, f)).toBeUndefined();
});

test('arguments that are too long are cut off whole, and the first of them makes it untold', () => {
  const long = 'x'.repeat(5000);
  expect(calls(`\${f("a", b, "${long}")}`, f)).toEqual([{ name: 'f', args: ['"a"', 'b'], isCut: true }]);
  expect(calls(`\${f("${long}")}`, f)).toBeUndefined();
  expect(calls(`\${f(/* ${long} */ "a")}`, f)).toBeUndefined();
  expect(calls(`\${a} f(b] ${long}`, f)).toMatchObject([{ isCut: false }]);
  expect(calls(`\${f("a")} ${long}`, f)).toEqual([{ name: 'f', args: ['"a"'], isCut: false }]);
});

test.each([
  ['"/a"', [true]],
  ['("/a")', [true]],
  ['a ? "/b" : "${"/c"}${"/d"}"', [true, true, true, false]],
  ['["/a"][0]', [true]],
  ['f("/a", ["/b"])', [false, false]],
  ['f (g("/a")) == ("/b")', [false, true]],
] as const)('the texts that %s may become are told from those it works with', (text, isWhole) => {
  expect(templates(text).map(one => one.isWhole)).toEqual(isWhole);
});

test('an expression is told without the texts in it', () => {
  expect(withoutTexts('f("{", local . a) /* { */ + <<E\n{\nE\n')).toBe('f( , local . a) +  ');
  expect(between('{${f("{")}{%{ if a }')).toBe('f( )\nif a');
  expect(between('${"')).toBe('${"');
});

test('takes no longer for a text that is made to take long', () => {
  const n = 1024 * 1024;
  for (const piece of ['f(', 'f("', 'f #', 'f /*', 'f(${', 'f((((', '"${', 'x('])
    calls(`\${${piece.repeat(n / piece.length)}`, f);
}, 60_000);

test('every call is found, whatever surrounds it', () => {
  const around = fc.constantFrom(
    '',
    ' ',
    'a ? b : ',
    '{ a = ',
    '[',
    '"',
    '${',
    'g(',
    '/* */',
    '# \n',
    '<<E\n',
    '$${',
    '\\',
    '}',
    ')',
    '1 + ',
  );
  fc.assert(
    fc.property(fc.array(around, { maxLength: 20 }), fc.array(around, { maxLength: 20 }), (before, after) => {
      expect(calls(`\${${before.join('')} f("x")${after.join('')}`, f)?.map(({ args }) => args[0])).toContain('"x"');
    }),
  );
});

test('the texts of an expression are told at every depth, with their escapes read', () => {
  expect(templates('a("\\u002fx${b("\\"y")}z") + <<-E\n  l\n  E\n').map(({ parts }) => parts)).toEqual([
    ['/x', 'b("\\"y")', 'z'],
    ['"y'],
    ['l'],
  ]);
});

test('a template comes apart into texts and expressions in turn', () => {
  expect(split('a${ b }c%{ if d ~}e%{ endif }$${f}')).toEqual(['a', 'b', 'c', 'if d', 'e', 'endif', '$${f}']);
});
