/** The states of a run as pure functions: each takes a run and what happened, and returns the run that follows. */

import { errorCatalog, isErrorCode, ok, type Problem, type Result, refuse } from '../policies/contract/error.ts';
import type { Asker } from '../policies/contract/identity.ts';
import type { Request, RequestBody } from '../policies/contract/request.ts';
import { type Change, type Counts, isLive, type Phase, phaseNames, type State } from '../policies/contract/run.ts';
import type { Finish, ProviderCache } from '../policies/contract/worker.ts';
import type { AllowedRef } from '../policies/evaluate.ts';
import { sameSecret } from './secret.ts';

/** What a worker is. */
export type WorkerKind = 'process' | 'lambda' | 'fargate';

/** No worker came, but one may come later: how often so far, since when, and when the next may be tried. */
export interface FailedStarts {
  readonly count: number;
  readonly since: number;
  readonly notBefore: number;
}

/** A run as the ledger keeps it: times in milliseconds since 1970, secrets only as SHA-256. */
export interface RunRecord {
  readonly id: string;
  /** Grows by one with every transition; a writer that holds an older one is refused. */
  readonly version: number;
  /** Arrival order, given by the ledger. */
  readonly seq: number;
  readonly request: RequestBody;
  /** The one commit that is meant, where the request or the plan it names says so. */
  readonly wanted?: string;
  readonly repo: string;
  readonly refs: readonly AllowedRef[] | 'reachable';
  readonly rule: string;
  readonly caller: string;
  readonly asker: Asker;
  /** What asks for the same run again: one that is there already answers. */
  readonly once?: string;
  readonly state: State;
  readonly phase: Phase;
  readonly phaseSince: number;
  readonly timings: Readonly<Record<string, number>>;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** What it was given to when it was last started. */
  readonly worker?: WorkerKind;
  /** Its worker itself has told its end. */
  readonly toldEnd?: true;
  readonly failedStarts?: FailedStarts;
  readonly ticketHash?: string;
  readonly tokenHash?: string;
  readonly claimedAt?: number;
  /** Its worker has claimed it and told nothing since: the answer to that may have got lost. */
  readonly unheard?: true;
  /** The worker must be heard of before this instant. */
  readonly leaseUntil?: number;
  readonly deadline?: number;
  readonly cancelRequested: boolean;
  readonly canceledAt?: number;
  /** INVARIANT: true from the moment a worker may exist until the launcher has seen that it is gone; the path is held. */
  readonly occupied: boolean;
  readonly terraformStarted: boolean;
  readonly ref?: string;
  readonly commit?: string;
  readonly tip?: string;
  /** Characters of output so far. */
  readonly logged?: number;
  /** The plan may be applied, so it is stored. */
  readonly keepPlan: boolean;
  readonly upload?: { readonly digest: string; readonly size: number };
  /** The archive of providers that its worker may put into the cache. */
  readonly providers?: ProviderCache;
  readonly planId?: string;
  readonly hasChanges?: boolean;
  readonly counts?: Counts;
  readonly changes?: readonly Change[];
  readonly tool?: { readonly binary: string; readonly version?: string };
  readonly serial?: { readonly before?: number; readonly after?: number };
  readonly error?: { readonly code: string; readonly message: string; readonly fix?: string };
}

export interface NewRun {
  readonly id: string;
  readonly request: Request;
  readonly repo: string;
  readonly refs: readonly AllowedRef[] | 'reachable';
  readonly rule: string;
  readonly caller: string;
  readonly asker: Asker;
  readonly once?: string;
  readonly now: number;
  /** The commit that is meant: the request's `sha`, or that of the plan to apply. */
  readonly commit?: string;
}

export function newRun(asked: NewRun): RunRecord {
  const { id, request, repo, refs, rule, caller, asker, once, now, commit } = asked;
  const { replace, ...rest } = request;
  return {
    id,
    version: 0,
    seq: 0,
    request: { ...rest, ref: request.ref.text, ...(replace ? { replace: [...replace] } : {}) },
    ...(commit === undefined ? {} : { wanted: commit }),
    repo,
    refs,
    rule,
    caller,
    asker,
    ...(once === undefined ? {} : { once }),
    state: 'queued',
    phase: 'queue',
    phaseSince: now,
    timings: {},
    createdAt: now,
    cancelRequested: false,
    occupied: false,
    terraformStarted: false,
    keepPlan: false,
    ...(request.planId === undefined ? {} : { planId: request.planId }),
  };
}

/** The keeper hands the run to a launcher: whoever shows the ticket before `startMs` are over gets it. */
export function start(
  run: RunRecord,
  ticketHash: string,
  now: number,
  { worker, startMs }: { worker: WorkerKind; startMs: number },
): Result<RunRecord> {
  if (run.state !== 'queued') return ended(run);
  return ok({
    ...enter(run, 'worker', now),
    state: 'starting',
    startedAt: now,
    worker,
    ticketHash,
    leaseUntil: now + startMs,
    occupied: true,
  });
}

/** The digests of what a worker shows, and of what it gets for it. */
interface ClaimHashes {
  readonly ticket: string;
  readonly token: string;
}

/** Whether the worker that comes with these is waited for: the first in time, and the same again while it knows of no answer. */
export function awaits(run: RunRecord, { ticket, token }: ClaimHashes, now: number): boolean {
  if (run.leaseUntil === undefined || run.leaseUntil < now) return false;
  if (run.state === 'starting') return sameSecret(ticket, run.ticketHash ?? '');
  return run.state === 'running' && run.unheard === true && sameSecret(token, run.tokenHash ?? '');
}

/** The worker takes the run; its ticket is worth nothing to others from now on. */
export function claim(
  run: RunRecord,
  hashes: ClaimHashes,
  now: number,
  terms: { leaseMs: number; deadlineMs: number; binary: string },
): Result<RunRecord> {
  if (!awaits(run, hashes, now)) return ended(run);
  if (run.state === 'running') return ok(run);
  const { ticketHash: _spent, ...rest } = enter(run, 'source', now);
  return ok({
    ...rest,
    state: 'running',
    tokenHash: hashes.token,
    claimedAt: now,
    unheard: true,
    leaseUntil: now + terms.leaseMs,
    deadline: now + terms.deadlineMs,
    tool: { binary: terms.binary },
  });
}

/** The policy has changed since the run was accepted: it ends before anything of it is done. */
export function deny(run: RunRecord, problem: Problem, now: number): Result<RunRecord> {
  return run.state === 'starting' ? ok(end(run, 'failed', now, problem)) : ended(run);
}

export function beat(run: RunRecord, now: number, leaseMs: number): Result<RunRecord> {
  if (run.state !== 'running') return ended(run);
  const { unheard: _, ...heard } = run;
  return ok({ ...heard, leaseUntil: now + leaseMs });
}

/** Once only, and before Terraform starts: what unreviewed code says later cannot change what the run is about. */
export function resolve(
  run: RunRecord,
  source: { ref: string; commit: string; tip: string; keepPlan: boolean; planId?: string },
): Result<RunRecord> {
  if (run.state !== 'running') return ended(run);
  if (run.commit !== undefined || run.terraformStarted)
    return refuse('E_BAD_REQUEST', 'the source of this run is settled');
  if (run.wanted !== undefined && run.wanted !== source.commit)
    return refuse('E_BAD_REQUEST', 'the commit is not the one that was asked for');
  const listed = run.refs === 'reachable' || run.refs.some(allowed => allowed.ref === source.ref);
  if (!listed) return refuse('E_REF_NOT_ALLOWED', `\`${source.ref}\` is not a ref this run may use`);
  return ok({ ...run, ...source });
}

/** Phases only go forward, and nothing of the repository runs before its source is settled. */
export function advance(run: RunRecord, phase: Phase, now: number): Result<RunRecord> {
  if (run.state !== 'running') return ended(run);
  if (phase === run.phase) return ok(run);
  if (phaseNames.indexOf(phase) < phaseNames.indexOf(run.phase))
    return refuse('E_BAD_REQUEST', 'phases only go forward');
  const runsCode = phase === 'init' || phase === 'plan' || phase === 'apply';
  if (runsCode && run.commit === undefined) return refuse('E_BAD_REQUEST', 'the source of this run is not settled');
  if ((phase === 'plan' || phase === 'apply') && phase !== run.request.command)
    return refuse('E_BAD_REQUEST', `this run is no ${phase}`);
  return ok({ ...enter(run, phase, now), terraformStarted: run.terraformStarted || runsCode });
}

export function cancel(run: RunRecord, now: number): Result<RunRecord> {
  if (run.state === 'queued' || run.state === 'starting')
    return ok(end(run, 'canceled', now, { code: 'E_CANCELED', message: 'the run was canceled before it began' }));
  if (run.state === 'running')
    return ok(run.cancelRequested ? run : { ...run, cancelRequested: true, canceledAt: now });
  return refuse('E_RUN_ENDED', `the run has already ended: ${run.state}`);
}

/** Refusals, unusable plans and failures of a run; not what only a door says of a request. */
const mayEndRun = (code: string): boolean => isErrorCode(code) && [1, 5, 6].includes(errorCatalog[code].exit);

/** What the worker says of the end. Its words are kept, its verdict counts; only known codes pass. */
export function finish(run: RunRecord, report: Finish, now: number): Result<RunRecord> {
  if (run.state !== 'running') return ended(run);
  const { command } = run.request;
  // An apply that never began, or a plan that was never made, is no success, whatever its worker says.
  if (report.outcome === 'succeeded' && run.timings[command] === undefined && run.phase !== command)
    return refuse('E_BAD_REQUEST', `this run has not begun its ${command}`);
  const problem =
    report.outcome === 'succeeded'
      ? undefined
      : (report.error ?? { code: 'E_WORKER', message: 'the worker gave no reason' });
  const error = problem && { ...problem, code: mayEndRun(problem.code) ? problem.code : 'E_WORKER' };
  const settled = end(run, report.outcome, now, error);
  const { hasChanges, counts, changes, tool, state } = report;
  const serial = state && {
    ...(state.before === undefined ? {} : { before: state.before }),
    ...(state.after === undefined ? {} : { after: state.after }),
  };
  return ok({
    ...settled,
    toldEnd: true,
    ...(hasChanges === undefined ? {} : { hasChanges }),
    ...(counts ? { counts } : {}),
    ...(changes ? { changes } : {}),
    ...(tool ? { tool } : {}),
    ...(serial ? { serial } : {}),
  });
}

/** How long a worker is waited for, how long a silent one is believed, and how long one may go on past its deadline or a cancel. */
export interface Patience {
  /** The longest that any worker has to claim its run. */
  readonly startMs: number;
  /** From the first start that failed until no other is tried. */
  readonly retryMs: number;
  readonly leaseMs: number;
  readonly overtimeMs: number;
}

/**
 * What the keeper makes of a worker that was not heard of in time, or goes on too long after its deadline or a cancel (it
 * ends itself before that). Undefined while there is nothing to do.
 */
export function expire(
  run: RunRecord,
  now: number,
  { startMs, leaseMs, overtimeMs }: Omit<Patience, 'retryMs'>,
): RunRecord | undefined {
  if (run.state !== 'starting' && run.state !== 'running') return undefined;
  // A lease from the future: the clock was set back. It may last one lease from now on, and no longer.
  const latest = now + (run.state === 'starting' ? startMs : leaseMs);
  if (run.leaseUntil !== undefined && run.leaseUntil > latest) return { ...run, leaseUntil: latest };
  const leaseOver = run.leaseUntil !== undefined && run.leaseUntil < now;
  if (run.state === 'starting')
    return leaseOver
      ? end(run, 'failed', now, {
          code: 'E_WORKER_START',
          message: 'the worker did not start in time',
          fix: "look at the server's log, then ask again",
        })
      : undefined;
  if (leaseOver)
    return end(run, 'lost', now, {
      code: 'E_LOST',
      message: 'the worker was not heard of for one lease',
      fix: run.phase === 'apply' ? 'plan the path again to see what was done' : 'ask again',
    });
  if (run.canceledAt !== undefined && run.canceledAt + overtimeMs < now)
    return end(run, 'canceled', now, {
      code: 'E_CANCELED',
      message: 'the run was canceled and did not stop by itself',
    });
  if (run.deadline !== undefined && run.deadline + overtimeMs < now)
    return end(run, 'timed_out', now, { code: 'E_TIMED_OUT', message: 'the run did not stop at its deadline' });
  return undefined;
}

/** There is no worker and none will come; a run that somebody ended meanwhile stays as it ended. */
export const failToStart = (run: RunRecord, problem: Problem, now: number): RunRecord =>
  isLive(run) ? end({ ...run, occupied: false }, 'failed', now, problem) : release(run);

/** A run that nobody has claimed goes back to its place in the queue. Its ticket is worth nothing from now on. */
export function requeue(run: RunRecord, failedStarts: FailedStarts, now: number): RunRecord {
  const { ticketHash: _ticket, leaseUntil: _lease, startedAt: _start, ...rest } = enter(run, 'queue', now);
  return { ...rest, state: 'queued', occupied: false, failedStarts };
}

/** The launcher has seen that no process of the run is left. */
export const release = (run: RunRecord): RunRecord => ({ ...run, occupied: false });

function enter(run: RunRecord, phase: Phase, now: number): RunRecord {
  const timings = { ...run.timings, [run.phase]: (run.timings[run.phase] ?? 0) + now - run.phaseSince };
  return { ...run, phase, phaseSince: now, timings };
}

function end(run: RunRecord, state: State, now: number, error?: RunRecord['error']): RunRecord {
  const { ticketHash: _ticket, leaseUntil: _lease, ...rest } = enter(run, run.phase, now);
  return { ...rest, state, endedAt: now, ...(error ? { error } : {}) };
}

const ended = (run: RunRecord) => refuse('E_RUN_ENDED', `the run is ${run.state}`);
