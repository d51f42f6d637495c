/** Who runs next: one run per path in arrival order, and no more workers than there is room for. Pure. */
import type { Command } from '../policies/contract/request.ts';
import type { RunRecord } from './run.ts';

type Waiting = Pick<RunRecord, 'id' | 'repo' | 'request' | 'state' | 'occupied' | 'failedStarts'>;

/** Runs that may have a worker at the same time: all together, or plans and applies each. */
export type Room = number | Readonly<Record<Command, number>>;

/** A run of either command holds its path; a run of another path does not wait for it. */
export const pathOf = (run: Waiting): string => `${run.repo}\u0000${run.request.path}`;

/** It has a worker, or may still have one. */
export const holds = (run: Waiting): boolean => run.occupied || run.state === 'starting' || run.state === 'running';

/** The queued runs whose turn it is, in arrival order. `runs` are all that are live or still occupied, in that order too. */
export function firstInLine<R extends Waiting>(runs: readonly R[], now: number): R[] {
  const taken = new Set(runs.filter(holds).map(pathOf));
  return runs.filter(run => {
    if (run.state !== 'queued' || taken.has(pathOf(run))) return false;
    // A path is taken by its first waiting run even when that cannot start yet, so that arrival order holds per path.
    taken.add(pathOf(run));
    return (run.failedStarts?.notBefore ?? 0) <= now;
  });
}

/** Whether this run may have a worker too, beside those that are `busy`. */
export function hasRoom(room: Room, busy: readonly Waiting[], { request: { command } }: Waiting): boolean {
  if (typeof room === 'number') return busy.length < room;
  return busy.filter(({ request }) => request.command === command).length < room[command];
}

/** The runs of the same path that come before this one, first to end first. `runs` are the open ones, of that path at least. */
export function place(runs: readonly Waiting[], id: string): { position: number; ahead: readonly string[] } {
  const index = runs.findIndex(run => run.id === id);
  const run = runs[index];
  if (run === undefined) return { position: 0, ahead: [] };
  const ahead = runs
    .slice(0, index)
    .filter(other => pathOf(other) === pathOf(run) && (other.state === 'queued' || holds(other)));
  return { position: ahead.length, ahead: ahead.map(other => other.id) };
}
