import { describe, expect, test } from 'vitest';
import { type Choice, chooseWorker } from '../../../invoker/aws/choose-worker.ts';
import type { RunRecord } from '../../../invoker/run.ts';
import { value } from '../../support/value.ts';
import { runIn, type Sample } from '../sample-run.ts';
import { graceMs } from './pools.ts';

const minute = 60_000;
/** Fifteen minutes, less the grace and half a minute. */
const longestMs = 12.5 * minute;
const ended = (
  ms: number,
  state: 'succeeded' | 'failed' | 'timed_out' = 'succeeded',
  sample: Sample = {},
): RunRecord => ({
  ...runIn(state, sample),
  timings: { queue: 1e9, worker: 1e9, source: 1000, plan: ms - 1000 },
});
const chosen = (choice: Partial<Choice> & { worker?: 'lambda' | 'fargate' | 'auto'; minutes?: number }) =>
  chooseWorker({
    command: 'plan',
    past: [ended(minute)],
    installed: ['lambda', 'fargate'],
    graceMs,
    settings: { worker: choice.worker ?? 'auto', ...(choice.minutes && { minutes: choice.minutes }) },
    ...choice,
  });

describe('a stack that names its worker', () => {
  test.each(['lambda', 'fargate'] as const)('gets %s, whatever the run', worker => {
    for (const command of ['plan', 'apply'] as const)
      expect(value(chosen({ worker, command, past: [], minutes: 600, installed: ['lambda', 'fargate'] }))).toBe(worker);
  });

  test.each([
    ['lambda', 'fargate'],
    ['fargate', 'lambda'],
  ] as const)('is refused when it asks for %s and there is only the other', (worker, only) => {
    expect(chosen({ worker, installed: [only] })).toMatchObject({
      ok: false,
      problem: {
        code: 'E_WORKER_START',
        message: `the policy asks for a \`${worker}\` worker at this path, and this installation has none`,
      },
    });
  });
});

test('a stack of which the policy says nothing is `auto`', () => {
  expect(value(chosen({ settings: {} }))).toBe('lambda');
  expect(value(chosen({ settings: {}, past: [] }))).toBe('fargate');
});

describe('auto', () => {
  test.each(['lambda', 'fargate'] as const)('is %s where there is nothing else', only => {
    for (const command of ['plan', 'apply'] as const)
      expect(value(chosen({ command, past: [], minutes: 600, installed: [only] }))).toBe(only);
  });

  test('is Fargate for every apply', () => {
    expect(value(chosen({ command: 'apply' }))).toBe('fargate');
  });

  test.each([
    ['a plan that has always been quick', {}, 'lambda'],
    ['a path without history', { past: [] }, 'fargate'],
    ['plans that just fit, without a deadline', { past: [ended(longestMs)] }, 'lambda'],
    ['a deadline that just fits', { minutes: 12 }, 'lambda'],
    ['a deadline that does not fit', { minutes: 13 }, 'fargate'],
    ['plans that just fit, and a deadline that does', { past: [ended(longestMs)], minutes: 12 }, 'lambda'],
    ['plans that do not fit', { past: [ended(longestMs + 1)] }, 'fargate'],
    ['a plan that its deadline stopped', { past: [ended(minute), ended(longestMs + 1, 'timed_out')] }, 'fargate'],
    ['one slow plan of nineteen', { past: [...Array(18).fill(ended(minute)), ended(1e9)] }, 'fargate'],
    ['one slow plan of twenty', { past: [...Array(19).fill(ended(minute)), ended(1e9)] }, 'lambda'],
    ['two slow plans of twenty', { past: [...Array(18).fill(ended(minute)), ended(1e9), ended(1e9)] }, 'fargate'],
    ['only plans that failed', { past: [ended(minute, 'failed')] }, 'fargate'],
    ['quick plans, and slow ones that failed', { past: [ended(minute), ended(1e9, 'failed')] }, 'lambda'],
    ['only applies', { past: [ended(minute, 'succeeded', { command: 'apply' })] }, 'fargate'],
    [
      'quick plans, and slow applies',
      { past: [ended(minute), ended(1e9, 'succeeded', { command: 'apply' })] },
      'lambda',
    ],
    ['runs that are not over', { past: [runIn('running'), runIn('lost')] }, 'fargate'],
  ] as const)('for %s is %s', (_, choice, platform) => {
    expect(value(chosen(choice))).toBe(platform);
  });
});
