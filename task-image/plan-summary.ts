/** What a plan would do, from Terraform's own JSON: counts, addresses, versions. */
import type { Change, Counts } from '../policies/contract/run.ts';

export interface PlanSummary {
  readonly counts: Counts;
  readonly changes: readonly Change[];
  readonly version?: string;
}

interface PlanJson {
  readonly terraform_version?: string;
  readonly resource_changes?: readonly {
    readonly address: string;
    readonly change: { readonly actions: readonly string[] };
  }[];
}

/** What fits into a report, whatever the addresses are called, and as many as the contract lets one hold. */
const changesCharacters = 150_000;
const maxChanges = 2000;

/** `show -json` of a plan; data sources that are read later and no-ops are no changes. */
export function planSummary(json: unknown): PlanSummary {
  const { resource_changes = [], terraform_version } = json as PlanJson;
  const counts: Counts = { create: 0, update: 0, delete: 0, replace: 0 };
  const changes: Change[] = [];
  let size = 0;
  for (const { address, change } of resource_changes) {
    const action = actionOf(change.actions);
    if (action === undefined) continue;
    counts[action] += 1;
    size += address.length + 40;
    const fits = size <= changesCharacters && changes.length < maxChanges;
    if (fits && address.length <= 1024) changes.push({ address, action });
  }
  return { counts, changes, ...(terraform_version === undefined ? {} : { version: terraform_version }) };
}

function actionOf(actions: readonly string[]): Change['action'] | undefined {
  if (actions.length === 2) return 'replace';
  const [action] = actions;
  if (action === 'create' || action === 'update' || action === 'delete') return action;
  return undefined;
}
