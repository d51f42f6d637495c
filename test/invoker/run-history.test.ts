import fc from 'fast-check';
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
import { isLive, type Phase, phaseNames, type State, stateNames } from '../../policies/contract/run.ts';
import { commitA, commitB, main, queuedRun, runningRun, t0, ticketHash, times, tokenHash } from './sample-run.ts';

const noWorker: Problem = { code: 'E_WORKER_START', message: 'no worker' };
const source = { ref: main, commit: commitA, tip: commitB, keepPlan: true };

describe('whatever happens in whatever order', () => {
  type Step = (run: RunRecord, now: number) => Result<RunRecord>;
  const always =
    (change: (run: RunRecord, now: number) => RunRecord | undefined): Step =>
    (run, now) => ({ ok: true, value: change(run, now) ?? run });
  const step = fc.oneof(
    fc.constantFrom<Step[]>(
      (run, now) => start(run, ticketHash, now, { worker: 'process', startMs: times.startMs }),
      (run, now) => beat(run, now, times.leaseMs),
      (run, now) => cancel(run, now),
      (run, now) => deny(run, noWorker, now),
      always((run, now) => expire(run, now, times)),
      always((run, now) => (run.state === 'starting' || !isLive(run) ? failToStart(run, noWorker, now) : undefined)),
      always(run => (isLive(run) ? undefined : release(run))),
    ),
    fc.constantFrom(ticketHash, 'another').map(
      (ticket): Step =>
        (run, now) =>
          claim(run, { ticket, token: tokenHash }, now, times),
    ),
    fc
      .record({ ref: fc.constantFrom(main, 'refs/heads/x'), commit: fc.constantFrom(commitA, commitB) })

      .map(
        (told): Step =>
          run =>
            resolve(run, { ...source, ...told }),
      ),
    fc.constantFrom(...phaseNames).map(
      (phase): Step =>
        (run, now) =>
          advance(run, phase, now),
    ),
    fc.constantFrom('succeeded', 'failed', 'canceled', 'timed_out').map(
      (outcome): Step =>
        (run, now) =>
          finish(run, { outcome }, now),
    ),
  );
  const events = fc.array(fc.record({ afterMs: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 1500 })), step }), {
    maxLength: 40,
    size: 'max',
  });
  const asked = fc.record(
    { command: fc.constantFrom('plan', 'apply'), wanted: fc.constantFrom(commitA, commitB) },
    { requiredKeys: ['command'] },
  );
  const at = (phase: Phase) => phaseNames.indexOf(phase);

  test('no invariant of a run is broken', () => {
    const reached = new Set<State | Phase>();
    fc.assert(
      fc.property(asked, fc.constantFrom(queuedRun, runningRun), events, (sample, begin, happenings) => {
        let run = begin(sample);
        let now = t0;
        for (const { afterMs, step } of happenings) {
          now += afterMs;
          const before = run;
          const next = step(before, now);
          if (!next.ok) continue;
          run = next.value;
          reached.add(run.state).add(run.phase);
          if (!isLive(before)) expect({ ...run, occupied: false }).toEqual({ ...before, occupied: false });
          expect(run.wanted).toBe(sample.wanted);
          expect(at(run.phase)).toBeGreaterThanOrEqual(at(before.phase));
          expect(run.phase).not.toBe(sample.command === 'plan' ? 'apply' : 'plan');
          if (before.commit !== undefined || before.terraformStarted) expect(run.commit).toBe(before.commit);
          if (run.commit !== undefined) expect([run.commit, run.ref]).toEqual([sample.wanted ?? run.commit, main]);
          if (run.terraformStarted) expect(run.commit).toBeDefined();
          expect(run.terraformStarted).toBe(run.terraformStarted || before.terraformStarted);
          if (run.state === 'starting' || run.state === 'running') expect(run.occupied).toBe(true);
          expect(run.ticketHash !== undefined).toBe(run.state === 'starting');
          expect(run.leaseUntil !== undefined).toBe(run.state === 'starting' || run.state === 'running');
          expect(run.endedAt !== undefined).toBe(!isLive(run));
          const spent = Object.values(run.timings);
          expect(spent.every(ms => ms >= 0)).toBe(true);
          expect(spent.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(now - run.createdAt);
        }
      }),
      { numRuns: 5000 },
    );
    // The sequences are worth something only if they get everywhere.
    expect([...reached].sort()).toEqual([...stateNames, ...phaseNames].sort());
  });
});
