import { describe, expect, test } from 'vitest';
import {
  advance,
  beat,
  cancel,
  claim,
  deny,
  expire,
  failToStart,
  finish,
  type RunRecord,
  release,
  resolve,
  start,
} from '../../invoker/run.ts';
import type { Problem, Result } from '../../policies/contract/error.ts';
import { type State, stateNames } from '../../policies/contract/run.ts';
import type { Finish } from '../../policies/contract/worker.ts';
import { value } from '../support/value.ts';
import {
  commitA,
  commitB,
  endStates,
  main,
  queuedRun,
  runIn,
  runningRun,
  startingRun,
  t0,
  ticketHash,
  times,
  tokenHash,
  workingRun,
} from './sample-run.ts';

const noWorker: Problem = { code: 'E_WORKER_START', message: 'no worker' };
const source = { ref: main, commit: commitA, tip: commitB, keepPlan: true };
const resolved = (run = runningRun()) => value(resolve(run, source));

/** The legal transitions: what each step makes of a run in each state; every other pair is refused. */
const steps: Readonly<
  Record<
    string,
    { readonly step: (run: RunRecord) => Result<RunRecord>; readonly legal: Partial<Record<State, State>> }
  >
> = {
  start: {
    step: run => start(run, ticketHash, t0, { worker: 'process', startMs: times.startMs }),
    legal: { queued: 'starting' },
  },
  claim: {
    step: run => claim(run, { ticket: ticketHash, token: tokenHash }, t0, times),
    // A claim that is told again.
    legal: { starting: 'running', running: 'running' },
  },
  deny: { step: run => deny(run, noWorker, t0), legal: { starting: 'failed' } },
  beat: { step: run => beat(run, t0, times.leaseMs), legal: { running: 'running' } },
  resolve: { step: run => resolve(run, source), legal: { running: 'running' } },
  advance: { step: run => advance(run, 'finish', t0), legal: { running: 'running' } },
  cancel: {
    step: run => cancel(run, t0),
    legal: { queued: 'canceled', starting: 'canceled', running: 'running' },
  },
  'finish succeeded': {
    step: run => finish({ ...run, phase: run.request.command }, { outcome: 'succeeded' }, t0),
    legal: { running: 'succeeded' },
  },
  'finish failed': { step: run => finish(run, { outcome: 'failed' }, t0), legal: { running: 'failed' } },
  'finish canceled': { step: run => finish(run, { outcome: 'canceled' }, t0), legal: { running: 'canceled' } },
  'finish timed_out': { step: run => finish(run, { outcome: 'timed_out' }, t0), legal: { running: 'timed_out' } },
};

describe.each(Object.entries(steps))('%s', (_, { step, legal }) => {
  test.each(stateNames)('of a run that is %s goes where it must, or is refused', state => {
    const next = step(runIn(state));
    const goesTo = legal[state];
    if (goesTo === undefined) expect(next).toMatchObject({ ok: false, problem: { code: 'E_RUN_ENDED' } });
    else expect(next).toMatchObject({ ok: true, value: { state: goesTo } });
  });
});

describe('start', () => {
  test('holds the path, begins the lease and keeps the ticket', () => {
    expect(startingRun()).toMatchObject({
      occupied: true,
      phase: 'worker',
      startedAt: t0,
      leaseUntil: t0 + times.startMs,
      ticketHash,
    });
  });
});

describe('claim', () => {
  test('refuses another ticket', () => {
    const claimed = claim(startingRun(), { ticket: 'another', token: tokenHash }, t0, times);
    expect(claimed).toMatchObject({ ok: false, problem: { code: 'E_RUN_ENDED' } });
  });

  test('uses the ticket up and begins lease and deadline', () => {
    const run = runningRun();
    expect(run).not.toHaveProperty('ticketHash');
    expect(run).toMatchObject({
      tokenHash,
      claimedAt: t0,
      leaseUntil: t0 + times.leaseMs,
      deadline: t0 + times.deadlineMs,
    });
  });

  const hashes = { ticket: ticketHash, token: tokenHash };

  test('comes in time, or is refused', () => {
    const inTime = t0 + times.startMs;
    expect(claim(startingRun(), hashes, inTime, times)).toMatchObject({ ok: true });
    expect(claim(startingRun(), hashes, inTime + 1, times)).toMatchObject({ ok: false });
  });

  test('changes nothing when it is told again before its lease is over', () => {
    const run = value(cancel(runningRun(), t0));
    const leaseEnd = t0 + times.leaseMs;
    expect(value(claim(run, hashes, leaseEnd, times))).toBe(run);
    expect(claim(run, hashes, leaseEnd + 1, times)).toMatchObject({ ok: false });
  });

  test.each([
    ['makes another token', runningRun(), { ...hashes, token: 'another' }],
    ['comes after the worker was heard of', value(beat(runningRun(), t0, times.leaseMs)), hashes],
  ])('is refused that %s', (_, run, shown) => {
    expect(claim(run, shown, t0, times)).toMatchObject({ ok: false, problem: { code: 'E_RUN_ENDED' } });
  });
});

describe('resolve', () => {
  test('settles ref, commit and tip', () => {
    expect(resolved()).toMatchObject({ ref: main, commit: commitA, tip: commitB, keepPlan: true });
  });

  test('refuses a second source, even the same', () => {
    expect(resolve(resolved(), source)).toMatchObject({ ok: false, problem: { code: 'E_BAD_REQUEST' } });
  });

  test('refuses every source once Terraform has started', () => {
    const run = { ...runningRun(), terraformStarted: true };
    expect(resolve(run, source)).toMatchObject({ ok: false, problem: { code: 'E_BAD_REQUEST' } });
  });

  test('refuses a commit other than the one that is meant', () => {
    expect(resolve(runningRun({ wanted: commitB }), source)).toMatchObject({
      ok: false,
      problem: { code: 'E_BAD_REQUEST', message: 'the commit is not the one that was asked for' },
    });
    expect(resolve(runningRun({ wanted: commitA }), source).ok).toBe(true);
  });

  test('refuses a ref that the decision did not list', () => {
    expect(resolve(runningRun(), { ...source, ref: 'refs/heads/feature' })).toMatchObject({
      ok: false,
      problem: { code: 'E_REF_NOT_ALLOWED' },
    });
  });

  test('takes any ref for a commit that had only to be reachable', () => {
    const run: RunRecord = { ...runningRun(), refs: 'reachable' };
    expect(resolve(run, { ...source, ref: 'refs/heads/feature' }).ok).toBe(true);
  });
});

describe('advance', () => {
  test.each(['init', 'plan', 'apply'] as const)('refuses %s before the source is settled', phase => {
    const run = runningRun({ command: phase === 'plan' ? 'plan' : 'apply' });
    expect(advance(run, phase, t0)).toMatchObject({
      ok: false,
      problem: { code: 'E_BAD_REQUEST', message: 'the source of this run is not settled' },
    });
  });

  test('answers the same run for the phase it is in', () => {
    const run = value(advance(resolved(), 'init', t0));
    expect(value(advance(run, 'init', t0 + 5))).toBe(run);
  });

  test('refuses a phase that is over', () => {
    const run = value(advance(resolved(), 'plan', t0));
    expect(advance(run, 'init', t0)).toMatchObject({ ok: false, problem: { message: 'phases only go forward' } });
  });

  test('never lets a plan apply, nor an apply plan', () => {
    expect(advance(resolved(), 'apply', t0)).toMatchObject({ ok: false, problem: { message: 'this run is no apply' } });
    expect(advance(resolved(runningRun({ command: 'apply' })), 'plan', t0)).toMatchObject({
      ok: false,
      problem: { message: 'this run is no plan' },
    });
  });

  test('says that Terraform has started from init on, and not before', () => {
    expect(value(advance(runningRun(), 'source', t0)).terraformStarted).toBe(false);
    const run = value(advance(resolved(), 'init', t0));
    expect(run.terraformStarted).toBe(true);
    expect(value(advance(run, 'finish', t0)).terraformStarted).toBe(true);
    expect(value(advance(resolved(), 'finish', t0)).terraformStarted).toBe(false);
  });
});

describe('cancel', () => {
  test('ends a run that has no worker yet, and asks a worker to stop', () => {
    expect(value(cancel(queuedRun(), t0))).toMatchObject({ occupied: false, error: { code: 'E_CANCELED' } });
    expect(value(cancel(startingRun(), t0))).toMatchObject({ occupied: true, error: { code: 'E_CANCELED' } });
    expect(value(cancel(runningRun(), t0))).toMatchObject({
      cancelRequested: true,
      canceledAt: t0,
      state: 'running',
    });
  });

  test('counts from the first time', () => {
    const run = value(cancel(runningRun(), t0));
    expect(value(cancel(run, t0 + 5))).toBe(run);
  });
});

describe('finish', () => {
  const report: Finish = {
    outcome: 'succeeded',
    hasChanges: true,
    counts: { create: 1, update: 0, delete: 0, replace: 0 },
    changes: [{ address: 'aws_eip.nat', action: 'create' }],
    tool: { binary: 'terraform', version: '1.11.4' },
    state: { lineage: 'l', before: 3, after: 4 },
  };

  test('keeps what the worker found out', () => {
    const { hasChanges, counts, changes, tool, serial } = value(finish(workingRun(), report, t0));
    expect({ hasChanges, counts, changes, tool, serial }).toEqual({
      hasChanges: true,
      counts: report.counts,
      changes: report.changes,
      tool: report.tool,
      serial: { before: 3, after: 4 },
    });
  });

  test('keeps no serial number that was not told', () => {
    expect(value(finish(workingRun(), { outcome: 'succeeded', state: {} }, t0)).serial).toEqual({});
  });

  test('drops the error of a success', () => {
    const run = value(finish(workingRun(), { outcome: 'succeeded', error: { code: 'E_PLAN', message: 'no' } }, t0));
    expect(run).not.toHaveProperty('error');
  });

  test.each(['plan', 'apply'] as const)('is no success of a run that has not begun its %s', command => {
    const success = (run: RunRecord) => finish(run, { outcome: 'succeeded' }, t0);
    const settled = resolved(runningRun({ command }));
    const initialised = value(advance(settled, 'init', t0));
    for (const run of [runningRun({ command }), settled, initialised, value(advance(initialised, 'finish', t0))])
      expect(success(run)).toMatchObject({
        ok: false,
        problem: { code: 'E_BAD_REQUEST', message: `this run has not begun its ${command}` },
      });
    const working = workingRun({ command });
    for (const run of [working, value(advance(working, 'finish', t0))])
      expect(success(run)).toMatchObject({ ok: true, value: { state: 'succeeded' } });
    for (const outcome of ['failed', 'canceled', 'timed_out'] as const)
      expect(finish(settled, { outcome }, t0)).toMatchObject({ ok: true, value: { state: outcome } });
  });

  test('gives a failure without a reason one', () => {
    expect(value(finish(runningRun(), { outcome: 'failed' }, t0)).error).toMatchObject({ code: 'E_WORKER' });
  });

  test.each([
    ['E_PLAN', 'E_PLAN'],
    ['E_CANCELED', 'E_CANCELED'],
    ['E_REF_NOT_FOUND', 'E_REF_NOT_FOUND'],
    ['E_COMMAND_NOT_ALLOWED', 'E_COMMAND_NOT_ALLOWED'],
    ['E_PLAN_STALE', 'E_PLAN_STALE'],
    ['E_SCHEMA', 'E_WORKER'],
    ['E_RUN_ENDED', 'E_WORKER'],
    ['E_UNAUTHENTICATED', 'E_WORKER'],
    ['E_TOKEN_REF', 'E_WORKER'],
    ['E_BUSY', 'E_WORKER'],
    ['E_INTERNAL', 'E_WORKER'],
    ['E_MADE_UP', 'E_WORKER'],
    ['constructor', 'E_WORKER'],
  ])('takes the code %s for %s', (told, kept) => {
    const error = { code: told, message: 'it broke' };
    expect(value(finish(runningRun(), { outcome: 'failed', error }, t0)).error).toEqual({ ...error, code: kept });
  });
});

describe('expire', () => {
  const leaseEnd = t0 + times.leaseMs;
  /** It was heard of just now. */
  const alive = (now: number, run = runningRun()) => value(beat(run, now, times.leaseMs));

  test('leaves a run alone up to the last instant of its lease', () => {
    for (const run of [startingRun(), runningRun()]) expect(expire(run, leaseEnd, times)).toBeUndefined();
  });

  test('ends a worker that did not claim its run', () => {
    expect(expire(startingRun(), leaseEnd + 1, times)).toMatchObject({
      state: 'failed',
      occupied: true,
      error: { code: 'E_WORKER_START' },
    });
  });

  test('gives up a run whose worker is silent, and says more where state may have changed', () => {
    const lost = expire(runningRun(), leaseEnd + 1, times);
    expect(lost).toMatchObject({ state: 'lost', occupied: true, error: { code: 'E_LOST', fix: 'ask again' } });
    const applying = value(advance(resolved(runningRun({ command: 'apply' })), 'apply', t0));
    expect(expire(applying, leaseEnd + 1, times)?.error?.fix).toBe('plan the path again to see what was done');
  });

  test('gives a worker the overtime to end itself at the deadline, and no more', () => {
    const last = t0 + times.deadlineMs + times.overtimeMs;
    expect(expire(alive(last), last, times)).toBeUndefined();
    expect(expire(alive(last + 1), last + 1, times)).toMatchObject({
      state: 'timed_out',
      error: { code: 'E_TIMED_OUT' },
    });
  });

  test('knows no deadline where none was set', () => {
    const later = t0 + 2 * times.deadlineMs;
    const { deadline: _, ...endless } = alive(later);
    expect(expire(endless, later, times)).toBeUndefined();
  });

  test('ends a run as canceled whose worker goes on longer than the overtime after that', () => {
    const canceledAt = t0 + 500;
    const run = value(cancel(runningRun(), canceledAt));
    const last = canceledAt + times.overtimeMs;
    expect(expire(alive(last, run), last, times)).toBeUndefined();
    expect(expire(alive(last + 1, run), last + 1, times)).toMatchObject({
      state: 'canceled',
      occupied: true,
      error: { code: 'E_CANCELED' },
    });
  });

  test.each([
    ['was given out', startingRun],
    ['runs', runningRun],
  ])('lets a lease last one lease when the clock was set back while a run %s', (_, made) => {
    const run = made();
    const back = t0 - 3_600_000;
    const clamped = expire(run, back, times);
    expect(clamped).toEqual({ ...run, leaseUntil: back + times.leaseMs });
    if (clamped === undefined) throw new Error('it was clamped');
    expect(expire(clamped, back + times.leaseMs, times)).toBeUndefined();
    expect(expire(clamped, back + times.leaseMs + 1, times)?.state).toBe(run.state === 'starting' ? 'failed' : 'lost');
  });

  test.each([...endStates, 'queued' as const])('leaves a run alone that is %s', state => {
    expect(expire(runIn(state), t0 + 1e9, times)).toBeUndefined();
  });
});

describe('failToStart and release', () => {
  test('frees the path of a run whose worker never was', () => {
    expect(failToStart(startingRun(), noWorker, t0)).toMatchObject({
      state: 'failed',
      occupied: false,
      error: noWorker,
    });
  });

  test.each(endStates)('leaves the end of a run as it is that is %s already', state => {
    const run = { ...runIn(state), occupied: true };
    expect(failToStart(run, noWorker, t0 + 5)).toEqual({ ...run, occupied: false });
    expect(release(run)).toEqual({ ...run, occupied: false });
  });
});
