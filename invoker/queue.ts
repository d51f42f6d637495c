/** Who runs next: one run per path in arrival order, and no more workers than there is room for. Pure. */
import type { Command } from '../policies/contract/request.ts';
import type { RunRecord } from './run.ts';

type Waiting = Pick<RunRecord, 'id' | 'repo' | 'request' | 'state' | 'occupied' | 'failedStarts'>;

/** Runs that may have a worker at the same time: all together, or plans and applies each. */
export type Room = number | Readonly<Record<Command, number>>;

/** A run of either command holds its path; a run of another path does not wait for it. */
export const pathOf = (run: Waiting): string => `${run.repo}\u0000${run.request.path}`;

const holds = (run: Waiting): boolean => run.occupied || run.state === 'starting' || run.state === 'running';

/** The queued runs that may start now. `runs` are all that are live or still occupied, in arrival order. */
export function nextStarts<R extends Waiting>(runs: readonly R[], room: Room, now: number): R[] {
  const poolOf = (run: Waiting): string => (typeof room === 'number' ? 'all' : run.request.command);
  const left = new Map(Object.entries(typeof room === 'number' ? { all: room } : room));
  const take = (run: Waiting): number => {
    const free = left.get(poolOf(run)) ?? 0;
    left.set(poolOf(run), free - 1);
    return free;
  };
  const busy = runs.filter(holds);
  for (const run of busy) take(run);
  const taken = new Set(busy.map(pathOf));
  const starts: R[] = [];
  for (const run of runs) {
    if (run.state !== 'queued' || taken.has(pathOf(run))) continue;
    // A path is taken by its first waiting run even when that cannot start yet, so that arrival order holds per path.
    taken.add(pathOf(run));
    if ((run.failedStarts?.notBefore ?? 0) <= now && take(run) > 0) starts.push(run);
  }
  return starts;
}

/** The runs of the same path that come before this one, first to end first. */
export function place(runs: readonly Waiting[], id: string): { position: number; ahead: readonly string[] } {
  const index = runs.findIndex(run => run.id === id);
  const run = runs[index];
  if (run === undefined) return { position: 0, ahead: [] };
  const ahead = runs
    .slice(0, index)
    .filter(other => pathOf(other) === pathOf(run) && (other.state === 'queued' || holds(other)));
  return { position: ahead.length, ahead: ahead.map(other => other.id) };
}
