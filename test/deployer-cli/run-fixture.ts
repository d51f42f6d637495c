/** Runs as a server would tell of them. */
import type { Run } from '../../policies/contract/run.ts';

export const runId = 'r_aaaabbbbccccddddeeeeffff22';
export const commit = '0b497ce3aa11bb22cc33dd44ee55ff6677889900';

/** A plan that waits for nothing; tests say what else is true of it. */
export const aRun = (differences: Partial<Run> = {}): Run => ({
  id: runId,
  command: 'plan',
  mode: 'normal',
  repo: 'infra-live',
  requestedRef: 'refs/heads/main',
  path: 'prod/vpc',
  state: 'queued',
  phase: 'queue',
  terraformStarted: false,
  rule: 'plan-anywhere',
  caller: 'deploy',
  createdAt: '2026-05-03T14:02:11.000Z',
  timings: {},
  ...differences,
});

const prepared = { ref: 'refs/heads/main', commit, tip: commit, startedAt: '2026-05-03T14:02:11.100Z' } as const;
const preparation = { queue: 12, worker: 210, source: 380 } as const;
const tool = { binary: 'terraform', version: '1.11.4' } as const;

export const planning: Run = aRun({
  ...prepared,
  state: 'running',
  phase: 'plan',
  terraformStarted: true,
  tool,
  timings: { ...preparation, init: 110 },
});

export const planned: Run = {
  ...planning,
  state: 'succeeded',
  phase: 'finish',
  planId: runId,
  hasChanges: true,
  counts: { create: 2, update: 1, delete: 0, replace: 0 },
  changes: [
    { address: 'aws_nat_gateway.a', action: 'create' },
    { address: 'aws_eip.nat', action: 'create' },
    { address: 'aws_route_table.private', action: 'update' },
  ],
  exitCode: 0,
  endedAt: '2026-05-03T14:02:13.400Z',
  timings: { ...preparation, init: 110, plan: 420, finish: 60 },
};

export const unchanged: Run = {
  ...planned,
  hasChanges: false,
  counts: { create: 0, update: 0, delete: 0, replace: 0 },
  changes: [],
};

export const applied: Run = aRun({
  ...prepared,
  command: 'apply',
  rule: 'apply-reviewed',
  state: 'succeeded',
  phase: 'finish',
  terraformStarted: true,
  tool,
  planId: 'r_planplanplanplanplanplan22',
  hasChanges: true,
  counts: { create: 2, update: 1, delete: 0, replace: 1 },
  serial: { before: 118, after: 119 },
  exitCode: 0,
  endedAt: '2026-05-03T14:02:53.000Z',
  timings: { ...preparation, init: 110, apply: 41_000, finish: 60 },
});

export const failed = (code: string, message: string, exitCode = 1): Run => ({
  ...planning,
  state: 'failed',
  exitCode,
  error: { code, message, fix: 'look at the output above' },
  endedAt: '2026-05-03T14:02:13.400Z',
});
