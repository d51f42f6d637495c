import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fargateLauncher } from '../../../invoker/aws/fargate-launcher.ts';
import type { Launcher } from '../../../invoker/ledger.ts';
import type { Run } from '../../../policies/contract/run.ts';
import { type Plane, testPlane, tokens } from '../test-plane.ts';
import type { AwsAnswer } from './aws-endpoint.ts';
import { graceMs, launcherOn } from './pools.ts';
import { type ScriptedEcs, scriptedEcs } from './scripted-ecs.ts';

/** The keeper, the doors, the launcher and AWS's client, before an ECS that fails in every way. */
let ecs: ScriptedEcs;
let plane: Plane;
let isKilled = false;

beforeEach(async () => {
  isKilled = false;
  ecs = await scriptedEcs();
  const fargate = fargateLauncher({
    client: ecs.ecs,
    settings: {
      cluster: 'arn:aws:ecs:eu-west-1:111111111111:cluster/workers',
      plan: 'arn:aws:ecs:eu-west-1:111111111111:task-definition/plan:3',
      apply: 'arn:aws:ecs:eu-west-1:111111111111:task-definition/apply:3',
      container: 'worker',
      subnets: ['subnet-a'],
      securityGroups: ['sg-a'],
      assignPublicIp: false,
      spot: true,
    },
    now: () => plane.clock.now,
    graceMs,
  });
  const launcher = launcherOn({ fargate });
  const mortal: Launcher = {
    ...launcher,
    start: async (run, ticket) => {
      const notStarted = await launcher.start(run, ticket);
      if (isKilled) throw new Error('the keeper was killed');
      return notStarted;
    },
  };
  plane = await testPlane({ launcher: () => mortal });
});
afterEach(() => ecs.close());

const shown = async (id: string) => (await plane.ask<Run>('GET', `/v1/runs/${id}`, { token: tokens.deploy })).body;
const ticketOf = (start: number): string =>
  ecs.requests[start]?.overrides?.containerOverrides?.[0]?.environment?.find(
    ({ name }) => name === 'INFRA_DEPLOYER_TICKET',
  )?.value ?? 'no ticket';
const claimWith = (run: string, ticket: string) =>
  plane.ask('POST', '/worker/v1/claim', { body: { run, ticket } }).then(({ status }) => status);
const submitted = async () => (await plane.submit()).run.id;

describe('a start that is tried again', () => {
  test.each<[string, AwsAnswer | 'cut']>([
    ['throttled', { error: 'ThrottlingException', body: { message: 'Rate exceeded' } }],
    ['left without capacity', { body: { failures: [{ reason: 'Capacity is unavailable at this time.' }], tasks: [] } }],
    ['left without an answer', 'cut'],
  ])('when it was %s: a later one runs it', async (_, refusal) => {
    const id = await submitted();
    ecs.refuseNext(refusal);
    await plane.round();
    expect(await shown(id)).toMatchObject({ state: 'queued', position: 0 });
    plane.clock.now += 5000;
    await plane.round();
    expect((await shown(id)).state).toBe('starting');
    expect(await claimWith(id, ticketOf(0))).toBe(200);
  });

  test('when spare capacity was taken back: only the second task gets the run', async () => {
    const id = await submitted();
    await plane.round();
    ecs.become({ lastStatus: 'STOPPED', desiredStatus: 'STOPPED', stopCode: 'SpotInterruption' });
    await plane.round();
    expect((await shown(id)).state).toBe('queued');
    plane.clock.now += 5000;
    await plane.round();
    expect(ecs.requests.map(({ startedBy }) => startedBy)).toEqual([`${id}/0`, `${id}/1`]);
    expect([await claimWith(id, ticketOf(0)), await claimWith(id, ticketOf(1))]).toEqual([401, 200]);
  });
});

describe('a start that fails', () => {
  test.each([
    ['its image is missing', 'CannotPullContainerError: pull image manifest has been retried: not found'],
    ['a secret is unreadable', 'ResourceInitializationError: unable to pull secrets: AccessDeniedException'],
  ])('because %s ends its run with the reason in words', async (_, stoppedReason) => {
    const id = await submitted();
    await plane.round();
    ecs.become({ lastStatus: 'STOPPED', desiredStatus: 'STOPPED', stopCode: 'TaskFailedToStart', stoppedReason });
    await plane.round();
    const message = `the worker could not be started: ${stoppedReason}; TaskFailedToStart`;
    expect(await shown(id)).toMatchObject({ state: 'failed', exitCode: 1, error: { code: 'E_WORKER_START', message } });
    expect(plane.reports).toEqual([{ event: 'start-failed', run: id, words: `${stoppedReason}; TaskFailedToStart` }]);
    expect(await plane.ledger.open()).toEqual([]);
  });

  test('since its task never came stops that task, and frees the path', async () => {
    const id = await submitted();
    await plane.round();
    plane.clock.now += 300_001;
    await plane.round();
    expect((await shown(id)).error?.message).toBe('the worker did not start in time');
    expect([ecs.stops().length, await plane.ledger.open()]).toEqual([1, []]);
    expect(await claimWith(id, ticketOf(0))).toBe(401);
  });
});

test('a keeper that was killed after it had started a task has lost nothing', async () => {
  const id = await submitted();
  isKilled = true;
  await expect(plane.round()).rejects.toThrow('the keeper was killed');
  isKilled = false;
  await plane.round();
  expect([ecs.requests.length, (await shown(id)).state]).toEqual([1, 'starting']);
  expect(await claimWith(id, ticketOf(0))).toBe(200);
});

test('a keeper that was killed before it could start a task starts one later', async () => {
  const id = await submitted();
  ecs.refuseNext('cut');
  isKilled = true;
  await expect(plane.round()).rejects.toThrow('the keeper was killed');
  isKilled = false;
  plane.clock.now += 300_000;
  await plane.round();
  expect([ecs.requests.length, (await shown(id)).state]).toEqual([0, 'starting']);
  plane.clock.now += 1;
  await plane.round();
  expect((await shown(id)).state).toBe('queued');
  plane.clock.now += 5000;
  await plane.round();
  expect(await claimWith(id, ticketOf(0))).toBe(200);
});

test('a run whose task was lost holds its path until ECS has seen that task end', async () => {
  const id = await submitted();
  const next = await submitted();
  await plane.round();
  expect(await claimWith(id, ticketOf(0))).toBe(200);
  ecs.become({ lastStatus: 'RUNNING' });
  plane.clock.now += 15_001;
  for (let round = 0; round < 3; round++) await plane.round();
  expect([(await shown(id)).state, (await shown(next)).state, ecs.stops().length]).toEqual(['lost', 'queued', 1]);
  ecs.become({ lastStatus: 'STOPPED' });
  await plane.round();
  expect((await shown(next)).state).toBe('starting');
});
