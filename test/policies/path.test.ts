import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalPath } from '../../policies/path.ts';

describe('canonicalPath', () => {
  test.each(['prod/vpc', 'x', 'prod/a..b', 'net+peering', 'team=core', 'v1.2.3', '_shared', 'a@b', 'UPPER/Case'])(
    'takes %s as it is',
    path => {
      expect(canonicalPath(path)).toEqual({ ok: true, value: path });
    },
  );

  test.each([
    ['nothing', ''],
    ['the root', '.'],
    ['a path from here', './x'],
    ['a way up', '../x'],
    ['a way up inside', 'a/../b'],
    ['an absolute path', '/prod'],
    ['a trailing slash', 'prod/'],
    ['a double slash', 'prod//vpc'],
    ['a hidden directory', 'prod/.terraform'],
    ['an option', '-chdir=x'],
    ['an option inside', 'prod/-x'],
    ['a backslash', 'prod\\vpc'],
    ['an encoded slash', 'prod%2fvpc'],
    ['a pattern', 'prod/*'],
    ['a space', 'prod/a b'],
    ['a new line at the end', 'prod/vpc\n'],
    ['a NUL', 'prod/vpc\u0000'],
    ['a slash of another script', 'prod\uff0fvpc'],
    ['a letter that folds to another', 'prod/\u017fecrets'],
    ['more than 512 characters', 'x'.repeat(513)],
    ['more than 32 segments', Array(33).fill('x').join('/')],
  ])('refuses %s', (_, text) => {
    expect(canonicalPath(text)).toMatchObject({ ok: false, problem: { code: 'E_PATH_SYNTAX' } });
  });

  test('takes the longest and the deepest path', () => {
    expect(canonicalPath('x'.repeat(512)).ok).toBe(true);
    expect(canonicalPath(Array(32).fill('x').join('/')).ok).toBe(true);
  });

  const likeAPath = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'ab/.-_+\\% \n'), maxLength: 12 }),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[a-c](\/?[a-c.+=@-]){0,8}$/),
  );

  test('answers without control characters, and without empty, hidden or option-like segments', () => {
    fc.assert(
      fc.property(likeAPath, text => {
        const path = canonicalPath(text);
        fc.pre(path.ok);
        if (!path.ok) return;
        expect(path.value).toMatch(/^[!-~]+$/);
        for (const segment of path.value.split('/')) expect(segment).toMatch(/^[^.-]/);
      }),
    );
  });

  test('maps every canonical form to itself', () => {
    fc.assert(
      fc.property(likeAPath, text => {
        const path = canonicalPath(text);
        fc.pre(path.ok);
        if (path.ok) expect(canonicalPath(path.value)).toEqual(path);
      }),
    );
  });
});
