/** A run as callers see it: nothing of what only the ledger, the keeper and its worker need. Pure. */
import { errorCatalog, isErrorCode } from '../policies/contract/error.ts';
import { isLive, type Run } from '../policies/contract/run.ts';
import type { RunRecord } from './run.ts';

/** What the CLI ends with after this run; undefined while it is live. */
export function exitCodeOf(run: Pick<RunRecord, 'state' | 'error'>): number | undefined {
  if (isLive(run)) return undefined;
  if (run.state === 'succeeded') return 0;
  return run.error && isErrorCode(run.error.code) ? errorCatalog[run.error.code].exit : 1;
}

/** The run as callers see it; `queue` is its place while it waits. */
export function publicRun(run: RunRecord, queue?: { position: number; ahead: readonly string[] }): Run {
  const exitCode = exitCodeOf(run);
  const at = (ms: number): string => new Date(ms).toISOString();
  return {
    id: run.id,
    command: run.request.command,
    mode: run.request.mode ?? 'normal',
    repo: run.repo,
    requestedRef: run.request.ref,
    path: run.request.path,
    state: run.state,
    phase: run.phase,
    terraformStarted: run.terraformStarted,
    rule: run.rule,
    caller: run.caller,
    createdAt: at(run.createdAt),
    timings: run.timings,
    ...(queue && run.state === 'queued' ? { position: queue.position, ahead: [...queue.ahead] } : {}),
    ...(run.ref === undefined ? {} : { ref: run.ref }),
    ...(run.commit === undefined ? {} : { commit: run.commit }),
    ...(run.worker === undefined ? {} : { worker: run.worker }),
    ...(run.tip === undefined ? {} : { tip: run.tip }),
    ...(run.planId === undefined ? {} : { planId: run.planId }),
    ...(run.hasChanges === undefined ? {} : { hasChanges: run.hasChanges }),
    ...(run.counts ? { counts: run.counts } : {}),
    ...(run.changes ? { changes: [...run.changes] } : {}),
    ...(run.tool ? { tool: run.tool } : {}),
    ...(run.serial ? { serial: run.serial } : {}),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(run.error ? { error: run.error } : {}),
    ...(run.startedAt === undefined ? {} : { startedAt: at(run.startedAt) }),
    ...(run.endedAt === undefined ? {} : { endedAt: at(run.endedAt) }),
  };
}
