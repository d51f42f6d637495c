import { beforeEach, describe, expect, test } from 'vitest';
import type { WorkerPlatform } from '../../../invoker/aws/launcher.ts';
import type { Pool } from '../../../invoker/aws/pool.ts';
import { cancel, type RunRecord, start } from '../../../invoker/run.ts';
import type { AllowedRef } from '../../../policies/evaluate.ts';
import { fullRef } from '../../../policies/ref.ts';
import { value } from '../../support/value.ts';
import { lost } from '../launcher-contract.ts';
import { queuedRun, runIn, type Sample, t0 } from '../sample-run.ts';
import { graceMs, launcherOn, policyWith } from './pools.ts';

/** Says which pool it was asked for, and that it knows of the run. */
function platform(name: string, startMs: number, asked: string[]): WorkerPlatform {
  return {
    startMs,
    start: async (_run, _ticket, pool: Pool) => {
      asked.push(`${name} ${pool}`);
      return undefined;
    },
    look: async () => ({ failed: name }),
    settle: async () => name === 'lambda',
  };
}
function both(options: Parameters<typeof launcherOn>[1] = {}) {
  const asked: string[] = [];
  const platforms = { lambda: platform('lambda', 1, asked), fargate: platform('fargate', 2, asked) };
  return { asked, launcher: launcherOn(platforms, options) };
}
const refs = (...names: string[]): readonly AllowedRef[] =>
  names.map(name => ({ ref: value(fullRef(name)), rule: 'plan-anywhere' }));
const started = (worker: 'lambda' | 'fargate' | 'process', of: Sample = {}, changed: Partial<RunRecord> = {}) =>
  value(start({ ...queuedRun(of), ...changed }, 'digest', t0, { worker, startMs: 1 }));

describe('a worker is chosen', () => {
  test('by the stack, with the time that such a worker has to claim its run', async () => {
    const policy = policyWith(
      '    stacks: [{paths: [prod/**], worker: lambda}, {paths: [staging/**], worker: fargate}]',
    );
    const { launcher } = both({ policy });
    expect(value(await launcher.choose(queuedRun(), []))).toEqual({ worker: 'lambda', startMs: 1 });
    expect(value(await launcher.choose(queuedRun({ path: 'staging/x' }), []))).toEqual({
      worker: 'fargate',
      startMs: 2,
    });
  });

  test('by the history of the path, whatever the deadline that nobody has set', async () => {
    const chosen = async (past: readonly RunRecord[]) => value(await both({ past }).launcher.choose(queuedRun(), []));
    expect([await chosen([]), await chosen([runIn('succeeded')])]).toMatchObject([
      { worker: 'fargate' },
      { worker: 'lambda' },
    ]);
  });

  test('by the deadline that the policy sets', async () => {
    const chosen = async (minutes: number) => {
      const policy = policyWith(`    stacks: [{paths: [prod/**], limits: {minutes: ${minutes}}}]`);
      return value(await both({ policy, past: [runIn('succeeded')] }).launcher.choose(queuedRun(), []));
    };
    expect([await chosen(10), await chosen(30)]).toMatchObject([{ worker: 'lambda' }, { worker: 'fargate' }]);
  });

  test('not at all for a repository that has left the policy', async () => {
    const { launcher } = both();
    const run = { ...queuedRun(), repo: 'another' };
    expect(await launcher.choose(run, [])).toMatchObject({ ok: false, problem: { code: 'E_REPO_NOT_ALLOWED' } });
    expect(await launcher.start({ ...started('lambda'), repo: 'another' }, 'ticket')).toMatchObject({
      failed: 'the policy has changed and no longer allows this run',
    });
  });

  test('not at all while the policy cannot be read', async () => {
    const policy = { current: () => Promise.reject(new Error('the policy cannot be read')) };
    const { launcher, asked } = both({ policy });
    await expect(launcher.choose(queuedRun(), [])).rejects.toThrow('cannot be read');
    await expect(launcher.start(started('lambda'), 'ticket')).rejects.toThrow('cannot be read');
    expect(asked).toEqual([]);
  });
});

describe('the pool', () => {
  test.each<[string, Pool, Sample, Partial<RunRecord>]>([
    ['an apply', 'apply', { command: 'apply' }, { refs: refs('refs/heads/main') }],
    ['a plan of a branch that may be applied', 'apply', {}, { refs: refs('refs/heads/main') }],
    ['a plan of a tag that may be applied', 'apply', {}, { refs: refs('refs/tags/release/1') }],
    ['a plan of any other branch', 'plan', {}, { refs: refs('refs/heads/feature') }],
    ['a plan of a path that nobody may apply', 'plan', { path: 'staging/x' }, { refs: refs('refs/heads/main') }],
    ['a plan of a path where applies are denied', 'plan', { path: 'prod/frozen/x' }, { refs: refs('refs/heads/main') }],
    ['a name that may be a tag of anybody', 'plan', {}, { refs: refs('refs/heads/main', 'refs/tags/main') }],
    ['a name of which no reading is left', 'plan', {}, { refs: [] }],
    ['a commit', 'plan', { ref: 'a'.repeat(40) }, { refs: 'reachable' }],
  ])('of %s is that of the %s function, on every platform', async (_, pool, sample, changed) => {
    for (const worker of ['lambda', 'fargate'] as const) {
      const { launcher, asked } = both();
      await launcher.start(started(worker, sample, changed), 'ticket');
      expect(asked).toEqual([`${worker} ${pool}`]);
    }
  });
});

describe('a function', () => {
  const policy = policyWith('    stacks: [{paths: [prod/**], worker: lambda}, {paths: [staging/**], worker: fargate}]');
  const feature = { refs: refs('refs/heads/feature') };
  /** Two plans and one apply at once; or as many as the account has left. */
  const narrow = (room: WorkerPlatform['room'] = { plan: 2, apply: 1 }) => {
    const lambda = {
      ...platform('lambda', 1, []),
      room,
      look: async () => ({ failed: 'too slow', again: true as const }),
    };
    return launcherOn({ lambda, fargate: platform('fargate', 2, []) }, { policy });
  };
  const plan = () => started('lambda', {}, feature);
  const apply = () => started('lambda', { command: 'apply' });

  test.each<[string, readonly RunRecord[], boolean]>([
    ['nobody', [], true],
    ['one of two', [plan()], true],
    ['as many as there may be', [plan(), plan()], false],
    ['workers that are being ended', [{ ...plan(), state: 'lost' }, plan()], false],
    ['those of the other pool', [plan(), apply(), apply()], true],
    ['tasks', [plan(), started('fargate', { path: 'staging/x' }), started('fargate', {}, feature)], true],
    ['one that may be of any pool', [plan(), { ...apply(), repo: 'another' }], false],
  ])('beside %s is started, or waits', async (_, busy, isStarted) => {
    const chosen = value(await narrow().choose({ ...queuedRun(), ...feature }, busy));
    expect(chosen).toEqual(isStarted ? { worker: 'lambda', startMs: 1 } : 'later');
  });

  test('waits for no function where a task runs it, or nobody knows how many there may be', async () => {
    const busy = [plan(), plan(), plan()];
    const task = await narrow().choose({ ...queuedRun({ path: 'staging/x' }), ...feature }, busy);
    const unbound = await narrow({ apply: 1 }).choose({ ...queuedRun(), ...feature }, busy);
    expect([value(task), value(unbound)]).toMatchObject([{ worker: 'fargate' }, { worker: 'lambda' }]);
  });

  test.each<[string, readonly RunRecord[], boolean]>([
    ['nobody else', [], false],
    ['another that runs there', [{ ...plan(), state: 'running' }], true],
    ['another that has not begun either', [plan()], false],
    ['one that runs in the other pool', [{ ...apply(), state: 'running' }], false],
    ['a task', [{ ...started('fargate', {}, feature), state: 'running' }], false],
  ])('that did not begin beside %s has failed, or was crowded out', async (_, others, isCrowded) => {
    const run = plan();
    const crowd = isCrowded ? { isCrowded } : {};
    const looked = await narrow({}).look(run, [{ ...run, state: 'running' }, ...others]);
    expect(looked).toEqual({ failed: 'too slow', again: true, ...crowd });
  });
});

describe('a run that was started', () => {
  test('is looked for and settled where it was started', async () => {
    const { launcher } = both();
    for (const worker of ['lambda', 'fargate'] as const) {
      expect(await launcher.look(started(worker), [])).toEqual({ failed: worker });
      expect(await launcher.settle(started(worker))).toBe(worker === 'lambda');
    }
  });
});

describe.each(['lambda', 'fargate'] as const)('on a platform that was taken away (%s) a run', worker => {
  let now: number;
  const other = worker === 'lambda' ? 'fargate' : 'lambda';
  const launcher = launcherOn({ [other]: platform(other, 1, []) }, { now: () => now });
  beforeEach(() => {
    now = t0;
  });

  test('that was not claimed is tried again once nobody can claim it, and frees its path when it has ended', async () => {
    const run = started(worker);
    expect(await launcher.look(run, [])).toBeUndefined();
    now += 2;
    expect(await launcher.look(run, [])).toEqual({
      failed: `there are no \`${worker}\` workers any more`,
      again: true,
    });
    expect(await launcher.start(run, 'ticket')).toMatchObject({ again: true });
    expect(await launcher.settle(value(cancel(run, now)))).toBe(true);
  });

  test('that fell silent frees its path when the longest that it can go on has passed', async () => {
    const run = lost(started(worker));
    const latest = worker === 'lambda' ? t0 + 910_000 : (run.deadline ?? 0) + graceMs + 600_000;
    for (const [at, isGone] of [
      [t0, false],
      [latest, false],
      [latest + 1, true],
    ] as const) {
      now = at;
      expect(await launcher.settle(run)).toBe(isGone);
    }
  });
});
