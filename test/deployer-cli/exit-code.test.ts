import { describe, expect, test } from 'vitest';
import { exitCodeOfFailure, exitCodeOfRun, exitCodeOfSignal } from '../../deployer-cli/exit-code.ts';
import { applied, failed, planned, unchanged } from './run-fixture.ts';

describe('the exit code of a failure', () => {
  test.each([
    ['E_USAGE', undefined, 3],
    ['E_NOT_PUSHED', undefined, 3],
    ['E_NO_TOKEN', undefined, 4],
    ['E_STOPPED_WAITING', undefined, 7],
    ['E_SERVER_AWAY', undefined, 8],
    ['E_SCHEMA', 400, 3],
    ['E_UNAUTHENTICATED', 401, 4],
    ['E_REF_NOT_ALLOWED', 403, 5],
    ['E_PLAN_STALE', 409, 6],
    ['E_RUN_ENDED', 409, 3],
    ['E_INTERNAL', 500, 8],
    ['E_OF_A_NEWER_SERVER', 400, 3],
    ['E_OF_A_NEWER_SERVER', 401, 4],
    ['E_OF_A_NEWER_SERVER', 403, 5],
    ['E_OF_A_NEWER_SERVER', 404, 3],
    ['E_OF_A_NEWER_SERVER', 409, 6],
    ['E_OF_A_NEWER_SERVER', 502, 8],
    ['constructor', undefined, 8],
  ])('%s (%s) is %i', async (code, status, exit) => {
    expect(await exitCodeOfFailure({ code, message: '', ...(status === undefined ? {} : { status }) })).toBe(exit);
  });
});

describe('the exit code of a run', () => {
  test('is 0 when it succeeded', () => {
    expect(exitCodeOfRun(planned, false)).toBe(0);
    expect(exitCodeOfRun(applied, false)).toBe(0);
  });

  test('is 2 for a plan with changes, outputs included, when it is asked for', () => {
    const nothing = { create: 0, update: 0, delete: 0, replace: 0 };
    expect(exitCodeOfRun(planned, true)).toBe(2);
    expect(exitCodeOfRun({ ...planned, counts: nothing }, true)).toBe(2);
    expect(exitCodeOfRun(unchanged, true)).toBe(0);
    expect(exitCodeOfRun(applied, true)).toBe(0);
  });

  test('is what the server says of one that failed, and never 0', () => {
    expect(exitCodeOfRun(failed('E_PLAN', 'x', 1), false)).toBe(1);
    expect(exitCodeOfRun(failed('E_REF_NOT_FOUND', 'x', 5), true)).toBe(5);
    expect(exitCodeOfRun(failed('E_PLAN', 'x', 0), false)).toBe(1);
    expect(exitCodeOfRun(failed('E_PLAN', 'x', 256), false)).toBe(1);
    const { exitCode: _, ...silent } = failed('E_PLAN', 'x');
    expect(exitCodeOfRun(silent, false)).toBe(1);
  });
});

test('a signal is 128 and its number', () => {
  expect([exitCodeOfSignal('SIGINT'), exitCodeOfSignal('SIGTERM')]).toEqual([130, 143]);
});
