import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalRef, commitSha, fullRef, isMergeRequestRef } from '../../policies/ref.ts';
import { value } from '../support/value.ts';

const sha = '0b497ce3f39c5cd2bf4e4d9d0bd0b3a1b7a0c8d1';

describe('canonicalRef', () => {
  test.each(['main', 'release/1.0.0', 'feature/#42', 'feature/a+b', 'user@host', 'a=b', '_x', 'heads/main', 'a/@'])(
    'takes the short name %s for a branch or a tag',
    text => {
      expect(value(canonicalRef(text))).toEqual({
        kind: 'short',
        text,
        candidates: [`refs/heads/${text}`, `refs/tags/${text}`],
      });
    },
  );

  test.each([
    'refs/heads/main',
    'refs/tags/release/1.0.0',
    'refs/merge-requests/7/head',
    'refs/merge-requests/1234567890/merge',
  ])('takes the full name %s as it is', text => {
    expect(value(canonicalRef(text))).toEqual({ kind: 'full', text, ref: text });
  });

  test('takes forty lower-case hex digits for a commit', () => {
    expect(value(canonicalRef(sha))).toEqual({ kind: 'commit', text: sha, commit: sha });
  });

  test.each([
    ['nothing', ''],
    ['a space', 'a b'],
    ['an option', '-b'],
    ['a dash-led segment', 'a/-b'],
    ['a force mark', '+main'],
    ['a double slash', 'a//b'],
    ['a leading slash', '/main'],
    ['a trailing slash', 'main/'],
    ['a hidden segment', 'a/.b'],
    ['two dots', 'a..b'],
    ['a trailing dot', 'main.'],
    ['a lock file', 'a.lock/b'],
    ['the at sign alone', '@'],
    ['a reflog entry', 'main@{1}'],
    ['a pseudo-ref', 'HEAD'],
    ['the fetched ref', 'FETCH_HEAD'],
    ['the ref before a reset', 'ORIG_HEAD'],
    ['the merged ref', 'MERGE_HEAD'],
    ['a commit in upper case', sha.toUpperCase()],
    ['a tree path', 'main:prod'],
    ['an ancestor', 'main~1'],
    ['a peeled tag', 'v1^{}'],
    ['a pattern', 'refs/heads/*'],
    ['a letter that looks like another', 'm\u0430in'],
    ['a zero-width space', 'main\u200b'],
    ['a new line', 'main\n'],
    ['another namespace', 'refs/notes/commits'],
    ['a remote branch', 'refs/remotes/origin/main'],
    ['no name', 'refs/heads/'],
    ['a full name inside a full name', 'refs/heads/refs/heads/main'],
    ['a branch that is named like a commit', `refs/heads/${sha}`],
    ['a tag that is named like a commit', `refs/tags/${sha.toUpperCase()}`],
    ['a branch named HEAD', 'refs/heads/HEAD'],
    ['a merge request with a leading zero', 'refs/merge-requests/07/head'],
    ['a merge request number of eleven digits', 'refs/merge-requests/12345678901/head'],
    ['another ref of a merge request', 'refs/merge-requests/7/x'],
    ['a name longer than a file name', 'x'.repeat(256)],
    ['a full name longer than that', `refs/tags/${'x'.repeat(256)}`],
    ['a text of many megabytes', 'x/'.repeat(4_000_000)],
  ])('refuses %s', (_, text) => {
    expect(canonicalRef(text)).toMatchObject({ ok: false, problem: { code: 'E_REF_SYNTAX' } });
  });

  test('takes a name as long as a file name', () => {
    expect(canonicalRef('x'.repeat(255)).ok).toBe(true);
    expect(canonicalRef(`refs/heads/${'x'.repeat(255)}`).ok).toBe(true);
  });

  test('shows what it refuses without its control characters', () => {
    expect(canonicalRef('a\n`b')).toMatchObject({
      problem: { message: '`a\\u000a\\u0060b` is not a ref this server accepts' },
    });
  });

  const likeARef = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'ab/.-@{}#+=_~^: \n'), maxLength: 12 }),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^refs\/(heads|tags)\/[a-c./@-]{1,8}$/),
    fc.stringMatching(/^[0-9a-fA-F]{39,41}$/),
  );

  test('answers in printable ASCII only, no segment empty, hidden or like an option', () => {
    fc.assert(
      fc.property(likeARef, text => {
        for (const ref of refsOf(text)) {
          expect(ref).toMatch(/^[!-~]+$/);
          for (const segment of ref.split('/')) expect(segment).toMatch(/^[^.-]/);
          expect(ref).not.toMatch(/\.\.|@\{|[~^:?*[\\]|\.$|\.lock(\/|$)/);
        }
      }),
    );
  });

  test('maps every canonical form to itself', () => {
    fc.assert(
      fc.property(likeARef, text => {
        for (const ref of refsOf(text)) {
          expect(canonicalRef(ref)).toMatchObject({ ok: true, value: { text: ref } });
          expect(refsOf(ref)).toEqual([ref]);
        }
      }),
    );
  });
});

test('fullRef takes only full names', () => {
  expect(value(fullRef('refs/heads/main'))).toBe('refs/heads/main');
  expect(fullRef('main')).toMatchObject({ ok: false, problem: { code: 'E_REF_SYNTAX' } });
  expect(fullRef(sha).ok).toBe(false);
});

test('commitSha takes only whole lower-case commits', () => {
  expect(value(commitSha(sha))).toBe(sha);
  expect(commitSha(sha.slice(1))).toMatchObject({ ok: false, problem: { code: 'E_REF_SYNTAX' } });
  expect(commitSha(`${sha}\n`).ok).toBe(false);
});

test('isMergeRequestRef tells refs of merge requests from branches', () => {
  expect(isMergeRequestRef(value(fullRef('refs/merge-requests/7/head')))).toBe(true);
  expect(isMergeRequestRef(value(fullRef('refs/heads/merge-requests/7/head')))).toBe(false);
});

/** All names that a text was accepted as: what reaches policy and git. */
function refsOf(text: string): readonly string[] {
  const ref = canonicalRef(text);
  if (!ref.ok) return [];
  if (ref.value.kind === 'short') return ref.value.candidates;
  return [ref.value.kind === 'full' ? ref.value.ref : ref.value.commit];
}
