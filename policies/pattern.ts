/** Patterns of the policy: literals, `*` inside one segment, `**` as a whole segment (none, one or more segments). */
import { ok, type Result, refuse } from './contract/error.ts';
import { type CanonicalPath, canonicalPath } from './path.ts';
import { quote } from './quote.ts';
import { type FullRef, fullRef } from './ref.ts';

export interface Pattern {
  readonly text: string;
  readonly segments: readonly string[];
}

/** Refuses (E_BAD_REQUEST) a pattern that no canonical ref or path can match: such a rule would only look like one. */
export function parsePattern(text: string, kind: 'ref' | 'path'): Result<Pattern> {
  if (text.split('/').some(segment => segment !== '**' && segment.includes('**'))) {
    return refuse(
      'E_BAD_REQUEST',
      `\`**\` is not a whole segment in ${quote(text)}`,
      'write `*` inside a segment, `**` alone',
    );
  }
  // `1` may stand at every place of a ref or path, so this is canonical exactly where the literals are.
  const sample = text.replaceAll(/\*+/g, '1');
  if ((kind === 'ref' ? fullRef(sample) : canonicalPath(sample)).ok) return ok(patternOf(text));
  return kind === 'ref'
    ? refuse(
        'E_BAD_REQUEST',
        `${quote(text)} can match no full ref`,
        'write refs/heads/... or refs/tags/... or refs/merge-requests/*/head',
      )
    : refuse(
        'E_BAD_REQUEST',
        `${quote(text)} can match no path`,
        'write it from the root of the repository, like prod/**',
      );
}

/** INVARIANT: for a text that `parsePattern` has accepted. */
export const patternOf = (text: string): Pattern => ({ text, segments: text.split('/') });

/** A canonical text holds no star, so it is a pattern that matches itself only. */
export const matches = (pattern: Pattern, text: FullRef | CanonicalPath): boolean =>
  meetSegments(pattern.segments, text.split('/'));

/** Is there a text that both match? Exact, so that entries of a policy can be compared before any request comes. */
export const overlaps = (a: Pattern, b: Pattern): boolean => meetSegments(a.segments, b.segments);

const meetSegments = (a: readonly string[], b: readonly string[]): boolean =>
  meet(a, b, '**', (x, y) => meet([...x], [...y], '*', (p, q) => p === q));

/**
 * Is there a sequence that both describe, where `star` stands for any number of elements? Filled from the ends,
 * `row[j]` says so for the rests from i and j; so the time is the product of the lengths, whatever the stars.
 */
function meet(
  a: readonly string[],
  b: readonly string[],
  star: string,
  same: (x: string, y: string) => boolean,
): boolean {
  let below: readonly boolean[] = [];
  for (let i = a.length; i >= 0; i--) {
    const row: boolean[] = [];
    for (let j = b.length; j >= 0; j--) {
      const x = a[i];
      const y = b[j];
      if (x === star || y === star) row[j] = below[j] === true || row[j + 1] === true;
      else if (x === undefined || y === undefined) row[j] = x === y;
      else row[j] = below[j + 1] === true && same(x, y);
    }
    below = row;
  }
  return below[0] === true;
}
