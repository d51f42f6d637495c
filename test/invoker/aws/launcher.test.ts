import { describe, expect, test } from 'vitest';
import type { WorkerPlatform } from '../../../invoker/aws/launcher.ts';
import type { Pool } from '../../../invoker/aws/pool.ts';
import { type RunRecord, start } from '../../../invoker/run.ts';
import type { AllowedRef } from '../../../policies/evaluate.ts';
import { fullRef } from '../../../policies/ref.ts';
import { value } from '../../support/value.ts';
import { queuedRun, runIn, type Sample, t0 } from '../sample-run.ts';
import { launcherOn, policyWith } from './pools.ts';

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
    expect(value(await launcher.choose(queuedRun()))).toEqual({ worker: 'lambda', startMs: 1 });
    expect(value(await launcher.choose(queuedRun({ path: 'staging/x' })))).toEqual({ worker: 'fargate', startMs: 2 });
  });

  test('by the history of the path, whatever the deadline that nobody has set', async () => {
    const chosen = async (past: readonly RunRecord[]) =>
      value(await both({ past }).launcher.choose(queuedRun())).worker;
    expect([await chosen([]), await chosen([runIn('succeeded')])]).toEqual(['fargate', 'lambda']);
  });

  test('by the deadline that the policy sets', async () => {
    const chosen = async (minutes: number) => {
      const policy = policyWith(`    stacks: [{paths: [prod/**], limits: {minutes: ${minutes}}}]`);
      return value(await both({ policy, past: [runIn('succeeded')] }).launcher.choose(queuedRun())).worker;
    };
    expect([await chosen(10), await chosen(30)]).toEqual(['lambda', 'fargate']);
  });

  test('not at all for a repository that has left the policy', async () => {
    const { launcher } = both();
    const run = { ...queuedRun(), repo: 'another' };
    expect(await launcher.choose(run)).toMatchObject({ ok: false, problem: { code: 'E_REPO_NOT_ALLOWED' } });
    expect(await launcher.start({ ...started('lambda'), repo: 'another' }, 'ticket')).toMatchObject({
      failed: 'the policy has changed and no longer allows this run',
    });
  });

  test('not at all while the policy cannot be read', async () => {
    const policy = { current: () => Promise.reject(new Error('the policy cannot be read')) };
    const { launcher, asked } = both({ policy });
    await expect(launcher.choose(queuedRun())).rejects.toThrow('cannot be read');
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

describe('a run that was started', () => {
  test('is looked for and settled where it was started', async () => {
    const { launcher } = both();
    for (const worker of ['lambda', 'fargate'] as const) {
      expect(await launcher.look(started(worker))).toEqual({ failed: worker });
      expect(await launcher.settle(started(worker))).toBe(worker === 'lambda');
    }
  });

  test.each(['fargate', 'process'] as const)('on a platform that is gone (%s) keeps its path', async worker => {
    const launcher = launcherOn({ lambda: platform('lambda', 1, []) });
    await expect(launcher.settle(started(worker))).rejects.toThrow(`a run has a ${worker} worker`);
    await expect(launcher.look(started(worker))).rejects.toThrow('none are installed any more');
  });
});
