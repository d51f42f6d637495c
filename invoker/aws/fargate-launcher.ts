/** Starts workers as Fargate tasks, finds them again by the run that they were started for, and stops those that fell silent. */
import {
  ClusterNotFoundException,
  DescribeTasksCommand,
  type ECSClient,
  paginateListTasks,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
  type Task,
} from '@aws-sdk/client-ecs';
import type { RunRecord } from '../run.ts';
import type { WorkerPlatform } from './launcher.ts';
import { notStarted } from './not-started.ts';
import type { Pool } from './pool.ts';
import type { KeeperSettings } from './settings.ts';
import { stopReason } from './stop-reason.ts';

type FargateSettings = NonNullable<KeeperSettings['fargate']>;

export interface FargateLauncherParts {
  readonly client: ECSClient;
  readonly settings: FargateSettings;
  readonly now: () => number;
  /** From a worker's last word until its task is stopped. */
  readonly graceMs: number;
}

const startMs = 300_000;
/**
 * From a start until a task that is not listed is taken to be gone. ECS is eventually consistent, and says to wait up to
 * five minutes (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
 */
const listedMs = 600_000;

export function fargateLauncher({ client, settings, now, graceMs }: FargateLauncherParts): WorkerPlatform {
  const { cluster } = settings;

  /** ECS knows a stopped task for about an hour. A cluster is not deleted while there are tasks in it. */
  const tasksOf = (run: RunRecord): Promise<readonly Task[]> =>
    listed(run).catch(error => {
      if (error instanceof ClusterNotFoundException) return [];
      throw error;
    });

  const listed = async (run: RunRecord): Promise<readonly Task[]> => {
    const arns: string[] = [];
    // In this order: a task that is being stopped meanwhile is listed twice rather than never. No filter but the status
    // may go with `startedBy` (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html).
    for (const desiredStatus of ['RUNNING', 'STOPPED'] as const)
      for await (const { taskArns } of paginateListTasks(
        { client },
        { cluster, startedBy: startOf(run), desiredStatus },
      ))
        arns.push(...(taskArns ?? []));
    if (arns.length === 0) return [];
    const { tasks } = await client.send(new DescribeTasksCommand({ cluster, tasks: [...new Set(arns)] }));
    return tasks ?? [];
  };

  const stop = async (run: RunRecord, tasks: readonly Task[]): Promise<void> => {
    for (const { taskArn, desiredStatus } of tasks)
      if (desiredStatus !== 'STOPPED')
        await client.send(new StopTaskCommand({ cluster, task: taskArn, reason: `run ${run.id} is over` }));
  };

  return {
    startMs,

    start: async (run, ticket, pool) => {
      try {
        const { failures = [] } = await client.send(new RunTaskCommand(taskOf(run, ticket, pool, settings)));
        const [failure] = failures;
        if (failure === undefined) return undefined;
        const failed = [failure.reason, failure.detail].filter(text => text !== undefined).join(': ');
        return isShort.test(failed) ? { failed, again: true } : { failed };
      } catch (error) {
        return notStarted(error);
      }
    },

    look: async run => {
      const tasks = await tasksOf(run);
      const [first] = tasks;
      // The keeper was killed before it asked for one. Should one come all the same, its ticket is worth nothing.
      if (first === undefined)
        return (run.leaseUntil ?? 0) < now() ? { failed: 'there is no task of this run', again: true } : undefined;
      return tasks.every(({ lastStatus }) => lastStatus === 'STOPPED') ? stopReason(first) : undefined;
    },

    settle: async run => {
      const tasks = await tasksOf(run);
      const left = tasks.filter(({ lastStatus }) => !over.has(lastStatus ?? ''));
      // It has no token and no credentials, and nothing gives it any now: its path need not wait for it.
      const isClaimed = run.tokenHash !== undefined;
      const isSilent = run.toldEnd !== true || now() > (run.endedAt ?? 0) + graceMs;
      if (!isClaimed || isSilent) await stop(run, left);
      if (!isClaimed) return true;
      return left.length === 0 && (tasks.length > 0 || now() > (run.startedAt ?? 0) + listedMs);
    },
  };
}

/** No process of the task is left, at most its network interface. */
const over: ReadonlySet<string> = new Set(['DEPROVISIONING', 'STOPPED']);

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html */
const isShort = /^RESOURCE|capacity|unavailable|throttl|try again/i;

/** Each start is one of its own: what became of the one before is no news of this one. */
const startOf = ({ id, failedStarts }: RunRecord): string => `${id}/${failedStarts?.count ?? 0}`;

function taskOf(run: RunRecord, ticket: string, pool: Pool, settings: FargateSettings): RunTaskCommandInput {
  const { cluster, container, subnets, securityGroups, assignPublicIp, spot } = settings;
  const isSpot = spot && run.request.command === 'plan';
  return {
    cluster,
    taskDefinition: settings[pool],
    count: 1,
    // A request that is repeated, because its answer got lost, starts nothing else.
    clientToken: startOf(run),
    startedBy: startOf(run),
    capacityProviderStrategy: [{ capacityProvider: isSpot ? 'FARGATE_SPOT' : 'FARGATE', weight: 1 }],
    platformVersion: '1.4.0',
    enableExecuteCommand: false,
    networkConfiguration: {
      awsvpcConfiguration: { subnets, securityGroups, assignPublicIp: assignPublicIp ? 'ENABLED' : 'DISABLED' },
    },
    overrides: {
      containerOverrides: [
        {
          name: container,
          environment: [
            { name: 'INFRA_DEPLOYER_RUN', value: run.id },
            { name: 'INFRA_DEPLOYER_TICKET', value: ticket },
          ],
        },
      ],
    },
  };
}
