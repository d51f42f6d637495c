import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fargateLauncher } from '../../../invoker/aws/fargate-launcher.ts';
import type { WorkerPlatform } from '../../../invoker/aws/launcher.ts';
import { cancel, type RunRecord, requeue, start } from '../../../invoker/run.ts';
import { value } from '../../support/value.ts';
import { launcherContract, lost, told } from '../launcher-contract.ts';
import { queuedRun, type Sample, t0 } from '../sample-run.ts';
import { graceMs, launcherOn } from './pools.ts';
import { type ScriptedEcs, scriptedEcs } from './scripted-ecs.ts';

const settings = {
  cluster: 'arn:aws:ecs:eu-west-1:111111111111:cluster/workers',
  plan: 'arn:aws:ecs:eu-west-1:111111111111:task-definition/plan:3',
  apply: 'arn:aws:ecs:eu-west-1:111111111111:task-definition/apply:3',
  container: 'worker',
  subnets: ['subnet-a', 'subnet-b'],
  securityGroups: ['sg-a'],
  assignPublicIp: false,
  spot: true,
};

let ecs: ScriptedEcs;
let now: number;
let platform: WorkerPlatform;
const on = (changed: Partial<typeof settings> = {}) =>
  fargateLauncher({ client: ecs.ecs, settings: { ...settings, ...changed }, now: () => now, graceMs });

beforeEach(async () => {
  now = t0;
  ecs = await scriptedEcs();
  platform = on();
});
afterEach(() => ecs.close());

const startedRun = (sample: Sample = {}, run = queuedRun(sample)): RunRecord =>
  value(start(run, 'digest', now, { worker: 'fargate', startMs: platform.startMs }));
const launched = async (sample: Sample = {}): Promise<RunRecord> => {
  const run = startedRun(sample);
  expect(await platform.start(run, 'the ticket', 'plan')).toBeUndefined();
  return run;
};

describe('the request for a task', () => {
  test('hands over the run and its ticket, and nothing else that could come from a request', async () => {
    const run = await launched();
    expect(ecs.requests).toEqual([
      {
        cluster: settings.cluster,
        taskDefinition: settings.plan,
        count: 1,
        clientToken: `${run.id}/0`,
        startedBy: `${run.id}/0`,
        capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
        platformVersion: '1.4.0',
        enableExecuteCommand: false,
        networkConfiguration: {
          awsvpcConfiguration: { subnets: settings.subnets, securityGroups: ['sg-a'], assignPublicIp: 'DISABLED' },
        },
        overrides: {
          containerOverrides: [
            {
              name: 'worker',
              environment: [
                { name: 'INFRA_DEPLOYER_RUN', value: run.id },
                { name: 'INFRA_DEPLOYER_TICKET', value: 'the ticket' },
              ],
            },
          ],
        },
      },
    ]);
  });

  test.each([
    ['a plan where the installation wants that', 'plan', true, 'FARGATE_SPOT'],
    ['no plan elsewhere', 'plan', false, 'FARGATE'],
    ['no apply ever', 'apply', true, 'FARGATE'],
  ] as const)('takes spare capacity for %s', async (_, command, spot, capacityProvider) => {
    await on({ spot }).start(startedRun({ command }), 'the ticket', 'apply');
    expect(ecs.requests).toMatchObject([
      { capacityProviderStrategy: [{ capacityProvider }], taskDefinition: settings.apply },
    ]);
  });

  test('asks for a public address only where the installation does', async () => {
    await on({ assignPublicIp: true }).start(startedRun(), 'the ticket', 'plan');
    expect(ecs.requests[0]?.networkConfiguration?.awsvpcConfiguration?.assignPublicIp).toBe('ENABLED');
  });

  test('is another one for each start of a run', async () => {
    const first = await launched();
    const again = startedRun({}, requeue(first, { count: 1, since: t0, notBefore: t0 }, t0));
    await platform.start(again, 'another ticket', 'plan');
    expect(ecs.requests.map(({ clientToken }) => clientToken)).toEqual([`${first.id}/0`, `${first.id}/1`]);
    ecs.become({ lastStatus: 'STOPPED', desiredStatus: 'STOPPED', stopCode: 'SpotInterruption' });
    expect(await platform.look(again)).toBeUndefined();
  });
});

describe('a task that ECS does not start', () => {
  test.each([
    ['is throttled', { error: 'ThrottlingException', body: { message: 'Rate exceeded' } }, true],
    ['fails inside', { error: 'ServerException', status: 500, body: { message: 'Service Unavailable.' } }, true],
    ['has no room', { body: { failures: [{ reason: 'RESOURCE:MEMORY' }], tasks: [] } }, true],
    ['has no address left', { body: { failures: [{ reason: 'RESOURCE:ENI' }], tasks: [] } }, true],
    [
      'has no capacity',
      { error: 'ClientException', body: { message: 'Capacity is unavailable at this time. Please try again later' } },
      true,
    ],
    [
      'is at its quota',
      { error: 'ClientException', body: { message: 'You’ve reached the limit on the number of vCPUs' } },
      true,
    ],
    ['is not there', { error: 'ClusterNotFoundException', body: { message: 'Cluster not found.' } }, false],
    [
      'does not let this role',
      { error: 'AccessDeniedException', body: { message: 'role/capacity is not authorized to perform: ecs:RunTask' } },
      false,
    ],
    [
      'was told of a replaced task',
      { error: 'ClientException', body: { message: 'TaskDefinition is inactive' } },
      true,
    ],
    [
      'knows no such task',
      { error: 'InvalidParameterException', body: { message: 'TaskDefinition not found.' } },
      true,
    ],
    ['is told nonsense', { error: 'InvalidParameterException', body: { message: 'No Container Instances' } }, false],
    ['lacks an attribute', { body: { failures: [{ reason: 'ATTRIBUTE', detail: 'cpu' }], tasks: [] } }, false],
  ])('because it %s is told in words; again only where that helps', async (_, answer, again) => {
    ecs.refuseNext(answer);
    const notStarted = await platform.start(startedRun(), 'the ticket', 'plan');
    expect(notStarted?.again ?? false).toBe(again);
    const { error = '', body } = answer as { error?: string; body: { message?: string; failures?: object[] } };
    expect(notStarted?.failed).toContain(error);
    expect(notStarted?.failed).toContain(body.message ?? Object.values(body.failures?.[0] ?? {}).join(': '));
  });

  test('as far as anybody can tell, since the answer got lost, may be tried again', async () => {
    ecs.refuseNext('cut');
    expect(await platform.start(startedRun(), 'the ticket', 'plan')).toMatchObject({ again: true });
  });
});

describe('a task that has not claimed its run', () => {
  test('is waited for while it is being started, or is not listed yet', async () => {
    const run = await launched();
    for (const lastStatus of ['PROVISIONING', 'PENDING', 'RUNNING', 'DEPROVISIONING']) {
      ecs.become({ lastStatus });
      expect(await platform.look(run)).toBeUndefined();
    }
    ecs.lag(true);
    expect(await platform.look(run)).toBeUndefined();
  });

  test('and stopped says why', async () => {
    const run = await launched();
    ecs.become({
      lastStatus: 'STOPPED',
      desiredStatus: 'STOPPED',
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'CannotPullContainerError: pull image manifest has been retried 1 time(s): not found',
    });
    expect(await platform.look(run)).toEqual({
      failed: 'CannotPullContainerError: pull image manifest has been retried 1 time(s): not found; TaskFailedToStart',
    });
  });

  test('is stopped once its run is over, and holds no path', async () => {
    const run = value(cancel(await launched(), now));
    expect([await platform.settle(run), ecs.stops().length]).toEqual([true, 1]);
  });

  test('holds no path either while it is not listed yet', async () => {
    const run = value(cancel(await launched(), now));
    ecs.lag(true);
    expect(await platform.settle(run)).toBe(true);
  });
});

describe('a task whose run is over', () => {
  test('is left to end by itself after its last word, and stopped when it does not', async () => {
    const run = told(await launched());
    ecs.become({ lastStatus: 'RUNNING' });
    now += graceMs;
    expect([await platform.settle(run), ecs.stops().length]).toEqual([false, 0]);
    now += 1;
    expect([await platform.settle(run), ecs.stops().length]).toEqual([false, 1]);
  });

  test('is stopped at once when it fell silent, and asked once only', async () => {
    const run = lost(await launched());
    for (let round = 0; round < 3; round++) expect(await platform.settle(run)).toBe(false);
    expect(ecs.stops().map(({ body }) => body)).toEqual([
      { cluster: settings.cluster, task: ecs.tasks[0]?.taskArn, reason: `run ${run.id} is over` },
    ]);
  });

  test.each([
    ['DEACTIVATING', false],
    ['STOPPING', false],
    ['DEPROVISIONING', true],
    ['STOPPED', true],
  ])('and is %s has something left of it, or not', async (lastStatus, isSettled) => {
    const run = told(await launched());
    ecs.become({ lastStatus, desiredStatus: 'STOPPED' });
    expect(await platform.settle(run)).toBe(isSettled);
  });

  test('and is not listed is believed to be gone only when ECS has had time to list it', async () => {
    const run = lost(await launched());
    ecs.lag(true);
    now = t0 + 600_000;
    expect(await platform.settle(run)).toBe(false);
    now += 1;
    expect(await platform.settle(run)).toBe(true);
  });
});

launcherContract('Fargate', async () => {
  const launcher = () => launcherOn({ fargate: on() });
  return {
    launcher: launcher(),
    successor: launcher(),
    wait: ms => {
      now += ms;
      if (ecs.tasks[0]?.desiredStatus === 'STOPPED') ecs.become({ lastStatus: 'STOPPED' });
    },
    handed: async () => {
      ecs.become({ lastStatus: 'RUNNING' });
      const [override] = ecs.requests[0]?.overrides?.containerOverrides ?? [];
      const { INFRA_DEPLOYER_RUN: run, INFRA_DEPLOYER_TICKET: ticket } = Object.fromEntries(
        override?.environment?.map(({ name, value }) => [name, value]) ?? [],
      );
      return { run, ticket };
    },
    isAlive: () => ecs.tasks[0]?.lastStatus !== 'STOPPED',
    end: async () =>
      ecs.become({ lastStatus: 'STOPPED', desiredStatus: 'STOPPED', stopCode: 'EssentialContainerExited' }),
    close: () => {},
  };
});
