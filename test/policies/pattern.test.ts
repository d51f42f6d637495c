import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalPath } from '../../policies/path.ts';
import { matches, overlaps, parsePattern } from '../../policies/pattern.ts';
import { fullRef } from '../../policies/ref.ts';
import { value } from '../support/value.ts';

const pathPattern = (text: string) => value(parsePattern(text, 'path'));
const pathMatches = (pattern: string, path: string) => matches(pathPattern(pattern), value(canonicalPath(path)));
const refMatches = (pattern: string, ref: string) => matches(value(parsePattern(pattern, 'ref')), value(fullRef(ref)));

describe('parsePattern', () => {
  test.each([
    'refs/heads/main',
    'refs/heads/**',
    'refs/tags/release/*',
    'refs/heads/*-x*',
    'refs/merge-requests/*/head',
  ])('takes the ref pattern %s', text => {
    expect(parsePattern(text, 'ref')).toMatchObject({ ok: true, value: { text } });
  });

  test.each(['**', 'prod', 'prod/**', '**/vpc', 'prod/*/app', 'a*b*c', 'v1.*'])('takes the path pattern %s', text => {
    expect(parsePattern(text, 'path')).toMatchObject({ ok: true, value: { text } });
  });

  test.each(['main', '**', 'refs/**', 'refs/*/main', 'refs/heads', 'refs/notes/*', 'refs/heads/a..b', 'refs/heads/-*'])(
    'refuses %s, which no ref can match',
    text => {
      expect(parsePattern(text, 'ref')).toMatchObject({ ok: false, problem: { code: 'E_BAD_REQUEST' } });
    },
  );

  test.each([
    '',
    '/prod',
    'prod/',
    'prod//x',
    './prod',
    '.*',
    '-*',
    'prod/.*',
    'a b',
    'a?',
    '[ab]',
    '{a,b}',
    '!a',
    'pröd',
  ])('refuses %s, which no path can match', text => {
    expect(parsePattern(text, 'path')).toMatchObject({ ok: false, problem: { code: 'E_BAD_REQUEST' } });
  });

  test.each(['***', 'a**', '**a', 'prod/***/x'])('refuses %s, where two stars are not a whole segment', text => {
    expect(parsePattern(text, 'path')).toMatchObject({
      problem: { message: expect.stringContaining('whole segment') },
    });
  });
});

describe('matches', () => {
  test.each([
    ['prod/**', 'prod', true],
    ['prod/**', 'prod/vpc/a', true],
    ['prod/**', 'prodx', false],
    ['prod/*', 'prod', false],
    ['prod/*', 'prod/vpc', true],
    ['prod/*', 'prod/vpc/a', false],
    ['**', 'prod/vpc', true],
    ['**/vpc', 'vpc', true],
    ['**/vpc', 'prod/eu/vpc', true],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['a/**/b', 'a/x/y', false],
    ['v*.1', 'v1.1', true],
    ['v*.1', 'v.1', true],
    ['prod', 'PROD', false],
  ])('%s with the path %s: %s', (pattern, path, expected) => {
    expect(pathMatches(pattern, path)).toBe(expected);
  });

  test.each([
    ['refs/tags/release/*', 'refs/tags/release/1.0', true],
    ['refs/tags/release/*', 'refs/tags/release/1.0/hotfix', false],
    ['refs/tags/release/*', 'refs/heads/release/1.0', false],
    ['refs/heads/**', 'refs/heads/a/b/c', true],
    ['refs/heads/main', 'refs/heads/Main', false],
    ['refs/heads/main', 'refs/heads/xmain', false],
    ['refs/merge-requests/*/head', 'refs/merge-requests/7/head', true],
    ['refs/merge-requests/*/head', 'refs/merge-requests/7/merge', false],
  ])('%s with the ref %s: %s', (pattern, ref, expected) => {
    expect(refMatches(pattern, ref)).toBe(expected);
  });

  test('stays fast on patterns that make other matchers slow', () => {
    const pattern = `${'**/'.repeat(8)}${'*a'.repeat(100)}b`;
    const start = performance.now();
    expect(pathMatches(pattern, `${'a/'.repeat(20)}${'a'.repeat(400)}`)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('agrees with a definition of one line per case', () => {
    fc.assert(
      fc.property(patterns, paths, (pattern, path) => {
        expect(pathMatches(pattern, path)).toBe(definition(pattern.split('/'), path.split('/')));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('overlaps', () => {
  test.each([
    ['prod/**', 'prod/vpc', true],
    ['prod/**', '**/vpc', true],
    ['prod/*', 'prod/*/x', false],
    ['prod/a*', 'prod/*b', true],
    ['prod/a*c', 'prod/*b', false],
    ['prod/**', 'staging/**', false],
    ['**', 'x', true],
    ['*', '**/a/**/b', false],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(overlaps(pathPattern(a), pathPattern(b))).toBe(expected);
    expect(overlaps(pathPattern(b), pathPattern(a))).toBe(expected);
  });

  test('agrees with trying all short paths', () => {
    fc.assert(
      fc.property(shortPatterns, shortPatterns, (a, b) => {
        const both = allPaths.some(path => pathMatches(a, path) && pathMatches(b, path));
        expect(overlaps(pathPattern(a), pathPattern(b))).toBe(both);
      }),
      { numRuns: 300 },
    );
  });
});

const paths = fc.array(fc.stringMatching(/^[ab]{1,3}$/), { minLength: 1, maxLength: 4 }).map(all => all.join('/'));
const segment = fc.oneof(
  fc.constant('**'),
  fc.stringMatching(/^[ab*]{1,4}$/).filter(text => !text.includes('**')),
);
const patterns = fc.array(segment, { minLength: 1, maxLength: 4 }).map(all => all.join('/'));

/** Two of these that overlap do so in one of `allPaths`: each segment needs two letters at most, a path two segments. */
const shortSegment = fc.constantFrom('**', '*', 'a', 'b', 'a*', '*a', '*b');
const shortPatterns = fc.array(shortSegment, { minLength: 1, maxLength: 2 }).map(all => all.join('/'));
const segments = ['a', 'b', 'aa', 'ab', 'ba', 'bb'];
const allPaths = segments.flatMap(a => [a, ...segments.map(b => `${a}/${b}`)]);

function definition(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  const [head, ...tail] = path;
  if (first === undefined) return head === undefined;
  if (first === '**') return definition(rest, path) || (head !== undefined && definition(pattern, tail));
  return head !== undefined && glob(first, head) && definition(rest, tail);
}

function glob(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') return glob(pattern.slice(1), text) || (text !== '' && glob(pattern, text.slice(1)));
  return pattern[0] === text[0] && glob(pattern.slice(1), text.slice(1));
}
