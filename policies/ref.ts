/** The one form of a git ref: canonical refs are the only ones that reach policy, git, leases, logs and records. */
import { ok, type Result, refuse } from './contract/error.ts';
import { quote } from './quote.ts';

declare const brand: unique symbol;

/** `refs/heads/x`, `refs/tags/x`, or `refs/merge-requests/N/head|merge`. */
export type FullRef = string & { readonly [brand]: 'FullRef' };

/** Forty lower-case hex digits. */
export type CommitSha = string & { readonly [brand]: 'CommitSha' };

/** `text` is what was asked for. A short name stands for a branch or a tag, in this order, until one is proved. */
export type CanonicalRef =
  | { readonly kind: 'full'; readonly text: string; readonly ref: FullRef }
  | { readonly kind: 'short'; readonly text: string; readonly candidates: readonly [FullRef, FullRef] }
  | { readonly kind: 'commit'; readonly text: string; readonly commit: CommitSha };

/** Refuses what is not canonical (E_REF_SYNTAX); it never repairs. */
export function canonicalRef(text: string): Result<CanonicalRef> {
  if (isCommitSha(text)) return ok({ kind: 'commit', text, commit: text });
  if (text.startsWith('refs/')) {
    const full = fullRef(text);
    return full.ok ? ok({ kind: 'full', text, ref: full.value }) : full;
  }
  const [branch, tag] = [`refs/heads/${text}`, `refs/tags/${text}`];
  if (isFullRef(branch) && isFullRef(tag)) return ok({ kind: 'short', text, candidates: [branch, tag] });
  return refused(text);
}

export const fullRef = (text: string): Result<FullRef> => (isFullRef(text) ? ok(text) : refused(text));

export const commitSha = (text: string): Result<CommitSha> =>
  isCommitSha(text)
    ? ok(text)
    : refuse('E_REF_SYNTAX', `${quote(text)} is not a commit`, 'give all 40 hex digits, in lower case');

/** Anybody who may open a merge request chooses what these point at: never a source of an apply. */
export const isMergeRequestRef = (ref: FullRef): boolean => ref.startsWith('refs/merge-requests/');

const isCommitSha = (text: string): text is CommitSha => /^[0-9a-f]{40}$/.test(text);

const isFullRef = (text: string): text is FullRef => {
  const short = /^refs\/(?:heads|tags)\/(.*)$/.exec(text)?.[1];
  return short === undefined
    ? /^refs\/merge-requests\/[1-9][0-9]{0,9}\/(?:head|merge)$/.test(text)
    : isShortName(short);
};

/** What `git check-ref-format` refuses (git 2.39), and what git, ssh, a shell or a reader could take for something else. */
function isShortName(name: string): boolean {
  // The limit of a file name, which is what git stores a branch as; and first, so that the rest stays cheap.
  if (name.length > 255) return false;
  if (name.startsWith('refs/') || name.startsWith('+')) return false;
  if (name === '@' || /^(?:[A-Z_]+_)?HEAD$/.test(name) || /^[0-9A-Fa-f]{40}$/.test(name)) return false;
  if (name.includes('..') || name.includes('@{') || name.endsWith('.')) return false;
  return name
    .split('/')
    .every(segment => /^[A-Za-z0-9_+#@=][A-Za-z0-9._+#@=-]*$/.test(segment) && !segment.endsWith('.lock'));
}

const refused = (text: string): Result<never> =>
  refuse(
    'E_REF_SYNTAX',
    `${quote(text)} is not a ref this server accepts`,
    'give a branch or tag, short (main) or full (refs/heads/main), or all 40 lower-case hex digits of a commit',
  );
