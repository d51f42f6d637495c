import { describe, expect, test } from 'vitest';
import { exitCodeOf, publicRun } from '../../invoker/public-run.ts';
import { finish, resolve } from '../../invoker/run.ts';
import type { Finish } from '../../policies/contract/worker.ts';
import { value } from '../support/value.ts';
import { commitA, commitB, main, queuedRun, runningRun, startingRun, t0, tokenHash } from './sample-run.ts';

const source = { ref: main, commit: commitA, tip: commitB, keepPlan: true };

describe('exitCodeOf', () => {
  test.each([
    ['queued', undefined, undefined],
    ['starting', undefined, undefined],
    ['running', undefined, undefined],
    ['succeeded', undefined, 0],
    ['failed', undefined, 1],
    ['failed', 'E_PLAN', 1],
    ['failed', 'E_REF_NOT_FOUND', 5],
    ['failed', 'E_PLAN_STALE', 6],
    ['failed', 'E_NO_SUCH_CODE', 1],
    ['canceled', 'E_CANCELED', 1],
    ['timed_out', 'E_TIMED_OUT', 1],
    ['lost', 'E_LOST', 1],
  ] as const)('of a run that is %s with %s is %s', (state, code, exit) => {
    expect(exitCodeOf({ state, ...(code === undefined ? {} : { error: { code, message: '' } }) })).toBe(exit);
  });
});

describe('publicRun', () => {
  test('tells nothing that only the server may know', () => {
    const shown = Object.keys(publicRun({ ...startingRun(), tokenHash, upload: { digest: 'd', size: 1 } }));
    for (const secret of ['ticketHash', 'tokenHash', 'leaseUntil', 'version', 'refs', 'upload', 'occupied'])
      expect(shown).not.toContain(secret);
  });

  test('has nothing but what is known of a run that waits, and its place', () => {
    const run = queuedRun();
    expect(publicRun(run, { position: 1, ahead: ['r_x'] })).toEqual({
      id: run.id,
      command: 'plan',
      mode: 'normal',
      repo: 'infra-live',
      requestedRef: 'main',
      path: 'prod/vpc',
      state: 'queued',
      phase: 'queue',
      terraformStarted: false,
      rule: 'everything',
      caller: 'deploy token',
      createdAt: '2026-05-03T14:00:00.000Z',
      timings: {},
      position: 1,
      ahead: ['r_x'],
    });
    expect(publicRun(startingRun(), { position: 0, ahead: [] })).not.toHaveProperty('position');
  });

  test('has all there is to know of a run that has ended', () => {
    const report: Finish = {
      outcome: 'failed',
      error: { code: 'E_APPLY', message: 'it broke' },
      hasChanges: true,
      counts: { create: 1, update: 0, delete: 0, replace: 0 },
      changes: [],
      tool: { binary: 'terraform', version: '1.11.4' },
      state: { before: 1, after: 2 },
    };
    const running = value(resolve(runningRun({ command: 'apply', mode: 'destroy' }), { ...source, planId: 'r_plan' }));
    expect(publicRun(value(finish(running, report, t0 + 5)))).toMatchObject({
      mode: 'destroy',
      ref: main,
      commit: commitA,
      tip: commitB,
      planId: 'r_plan',
      hasChanges: true,
      counts: report.counts,
      changes: [],
      tool: report.tool,
      serial: { before: 1, after: 2 },
      exitCode: 1,
      error: report.error,
      startedAt: '2026-05-03T14:00:00.000Z',
      endedAt: '2026-05-03T14:00:00.005Z',
    });
  });
});

test('newRun keeps the request as it was asked for, with the ref as it was written', () => {
  const asked = { command: 'apply', ref: 'refs/heads/main', mode: 'normal', replace: ['aws_eip.nat'] } as const;
  const planId = `r_${'a'.repeat(26)}`;
  expect(queuedRun({ ...asked, replace: [...asked.replace], planId })).toMatchObject({
    request: { ...asked, path: 'prod/vpc', planId },
    planId,
    state: 'queued',
  });
});
