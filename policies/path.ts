/** The one form of a stack's path: a directory relative to the root of its repository. */
import { ok, type Result, refuse } from './contract/error.ts';
import { quote } from './quote.ts';

declare const brand: unique symbol;

/** `prod/vpc`: no leading or trailing slash, no empty, hidden, `.` or `..` segment. */
export type CanonicalPath = string & { readonly [brand]: 'CanonicalPath' };

/** Refuses what is not canonical (E_PATH_SYNTAX); it never repairs. */
export function canonicalPath(text: string): Result<CanonicalPath> {
  if (isCanonicalPath(text)) return ok(text);
  return refuse(
    'E_PATH_SYNTAX',
    `${quote(text)} is not a path this server accepts`,
    'give the directory as the repository names it, like prod/vpc: from its root, without `.`, `..` or a slash at either end',
  );
}

function isCanonicalPath(text: string): text is CanonicalPath {
  if (text.length > 512) return false;
  const segments = text.split('/');
  return segments.length <= 32 && segments.every(segment => /^[A-Za-z0-9_][A-Za-z0-9._+=@-]*$/.test(segment));
}
