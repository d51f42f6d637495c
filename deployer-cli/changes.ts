/** The words for what a plan would change and an apply has changed. */
import type { Change, Run } from '../policies/contract/run.ts';
import { cyan, green, red, yellow } from './colour.ts';

/** Outputs count too, where the server says so. */
export const hasChanges = (run: Run): boolean => run.hasChanges ?? countsResources(run);

const countsResources = ({ counts }: Run) =>
  counts !== undefined && counts.create + counts.update + counts.delete + counts.replace > 0;

export function changeSummary(run: Run): string {
  const { command, counts } = run;
  if (!hasChanges(run) && (counts || run.hasChanges === false)) return 'no changes';
  if (!counts) return 'done';
  const words = command === 'plan' ? planWords : applyWords;
  const part = (action: Change['action']) => `${counts[action]} ${words[action]}`;
  const replaced = counts.replace > 0 ? [part('replace')] : [];
  const outputs = countsResources(run) ? [] : ['outputs only'];
  return [part('create'), part('update'), ...replaced, part('delete'), ...outputs].join(', ');
}

const planWords = { create: 'to add', update: 'to change', replace: 'to replace', delete: 'to destroy' } as const;
const applyWords = { create: 'added', update: 'changed', replace: 'replaced', delete: 'destroyed' } as const;

const mostShown = 20;

export function changeLines(changes: readonly Change[]): string[] {
  const shown = changes.slice(0, mostShown).map(({ action, address }) => `  ${signOf(action)} ${address}`);
  return changes.length > mostShown ? [...shown, `  … ${changes.length - mostShown} more`] : shown;
}

function signOf(action: Change['action']): string {
  if (action === 'create') return green('+');
  if (action === 'update') return yellow('~');
  return action === 'delete' ? red('-') : cyan('±');
}
