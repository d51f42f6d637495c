/** Who planned a path in merge requests since it was last applied: they are not the ones who apply it, where a rule says so. */
import { userOf } from '../policies/contract/identity.ts';
import type { Ledger } from './ledger.ts';

/** Far more plans than one merge sees; older ones no longer count. */
const limit = 500;

/** Users as `issuer:user`, each once. */
export async function plannersOf(ledger: Ledger, repo: string, path: string): Promise<string[]> {
  const runs = await ledger.list({ repo, path, limit });
  const applied = runs.findIndex(({ request, state }) => request.command === 'apply' && state === 'succeeded');
  const since = applied < 0 ? runs : runs.slice(0, applied);
  const planners = since.flatMap(({ request, state, asker: { identity } }) =>
    request.command === 'plan' && state === 'succeeded' && identity?.isMergeRequest ? [userOf(identity)] : [],
  );
  return [...new Set(planners)];
}
