/** Who planned a path in merge requests since it was last applied: they are not the ones who apply it, where a rule says so. */
import { userOf } from '../policies/contract/identity.ts';
import type { Ledger } from './ledger.ts';

/** More than a path sees between two applies, unless somebody wants to hide a plan behind others. */
const mostRuns = 2000;
const pageOfRuns = 100;

/**
 * Users as `issuer:user`, each once. Whoever had Terraform plan counts, however that run ended: its output was there to be
 * read. Empty, which no rule that asks is content with, where there are too many runs to tell.
 */
export async function plannersOf(ledger: Pick<Ledger, 'list'>, repo: string, path: string): Promise<string[]> {
  const planners = new Set<string>();
  let before: number | undefined;
  for (let seen = 0; seen < mostRuns; seen += pageOfRuns) {
    const runs = await ledger.list({ repo, path, limit: pageOfRuns, ...(before === undefined ? {} : { before }) });
    for (const { request, state, terraformStarted, asker } of runs) {
      if (request.command === 'apply' && state === 'succeeded') return [...planners];
      if (request.command === 'plan' && terraformStarted && asker.identity?.isMergeRequest)
        planners.add(userOf(asker.identity));
    }
    if (runs.length < pageOfRuns) return [...planners];
    before = runs.at(-1)?.seq;
  }
  return [];
}
