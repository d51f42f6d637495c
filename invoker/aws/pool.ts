/** Keeps code that was reviewed and code that was not out of each other's workers. Pure. */

import type { Repository } from '../../policies/allowlist.ts';
import { mayBeApplied } from '../../policies/evaluate.ts';
import { canonicalPath } from '../../policies/path.ts';
import type { RunRecord } from '../run.ts';

/** Which function or task definition: `apply` runs reviewed code only, `plan` everything else. */
export type Pool = 'plan' | 'apply';

/**
 * An apply, and a plan that may be applied: what is planned for that was reviewed. So it does not share an environment with
 * code that anybody could have pushed, and neither does its apply. Any doubt is `plan`: a commit whose ref is not known yet,
 * a name of which one reading may not be applied, a ref of which the asker's token does not tell what an apply asks.
 */
export function poolOf(
  { request, refs, asker }: Pick<RunRecord, 'request' | 'refs' | 'asker'>,
  repository: Repository,
): Pool {
  if (request.command === 'apply') return 'apply';
  const path = canonicalPath(request.path);
  const isReviewed =
    path.ok &&
    refs !== 'reachable' &&
    refs.length > 0 &&
    refs.every(({ ref }) => mayBeApplied(repository, path.value, ref, asker));
  return isReviewed ? 'apply' : 'plan';
}
