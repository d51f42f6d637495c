/** Who planned a path in merge requests since it was last applied: they are not the ones who apply it, where a rule says so. */
import { userOf } from '../policies/contract/identity.ts';
import type { Ledger } from './ledger.ts';

/** More than a path sees between two applies, unless somebody wants to hide a plan behind others. */
const limit = 2000;

/**
 * Users as `issuer:user`, each once. Whoever had Terraform plan counts, however that run ended: its output was there to be
 * read. Empty, which no rule that asks is content with, where there are too many runs to tell.
 */
export async function plannersOf(ledger: Ledger, repo: string, path: string): Promise<string[]> {
  const runs = await ledger.list({ repo, path, limit });
  const applied = runs.findIndex(({ request, state }) => request.command === 'apply' && state === 'succeeded');
  if (applied < 0 && runs.length === limit) return [];
  const since = applied < 0 ? runs : runs.slice(0, applied);
  const planners = since.flatMap(({ request, terraformStarted, asker: { identity } }) =>
    request.command === 'plan' && terraformStarted && identity?.isMergeRequest ? [userOf(identity)] : [],
  );
  return [...new Set(planners)];
}
