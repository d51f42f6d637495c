/** An ECS whose tasks do what a test says, and whose lists lag behind as those of AWS do. */
import { ECSClient, type RunTaskRequest, type Task } from '@aws-sdk/client-ecs';
import { type AwsAnswer, type AwsCall, type AwsEndpoint, awsEndpoint } from './aws-endpoint.ts';

export interface ScriptedEcs extends AwsEndpoint {
  readonly ecs: ECSClient;
  /** Every request for a task that was taken. */
  readonly requests: readonly RunTaskRequest[];
  readonly tasks: Task[];
  /** The first task becomes this. */
  readonly become: (change: Partial<Task>) => void;
  /** Tasks are there, but not in lists yet. */
  readonly lag: (isBehind: boolean) => void;
  /** The cluster is deleted. */
  readonly vanish: () => void;
  /** The next request for a task is answered so. */
  readonly refuseNext: (answer: AwsAnswer | 'cut') => void;
  readonly stops: () => readonly AwsCall[];
}

export async function scriptedEcs(): Promise<ScriptedEcs> {
  const requests: RunTaskRequest[] = [];
  const tasks: Task[] = [];
  let [isBehind, isGone] = [false, false];
  let refusal: AwsAnswer | 'cut' | undefined;

  const runTask = (request: RunTaskRequest): AwsAnswer | undefined => {
    const refused = refusal;
    refusal = undefined;
    if (refused === 'cut') return undefined;
    if (refused) return refused;
    requests.push(request);
    const task: Task = {
      taskArn: `arn:aws:ecs:eu-west-1:111111111111:task/workers/${tasks.length}`,
      startedBy: request.startedBy ?? '',
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
    };
    tasks.push(task);
    return { body: { tasks: [task], failures: [] } };
  };

  const answer = ({ operation, body }: AwsCall): AwsAnswer | undefined => {
    const asked = body as { startedBy?: string; desiredStatus?: string; tasks?: string[]; task?: string };
    if (isGone) return { error: 'ClusterNotFoundException', body: { message: 'Cluster not found.' } };
    switch (operation) {
      case 'RunTask':
        return runTask(body as RunTaskRequest);
      case 'ListTasks': {
        const listed = tasks.filter(
          task => task.startedBy === asked.startedBy && task.desiredStatus === asked.desiredStatus,
        );
        return { body: { taskArns: isBehind ? [] : listed.map(({ taskArn }) => taskArn) } };
      }
      case 'DescribeTasks':
        return { body: { tasks: tasks.filter(({ taskArn = '' }) => asked.tasks?.includes(taskArn)), failures: [] } };
      case 'StopTask': {
        const index = tasks.findIndex(({ taskArn }) => taskArn === asked.task);
        const task = tasks[index];
        if (task) tasks[index] = { ...task, desiredStatus: 'STOPPED' };
        return { body: { task } };
      }
    }
    return { error: 'InvalidAction', body: { message: operation } };
  };

  const endpoint = await awsEndpoint(answer);
  return {
    ...endpoint,
    ecs: new ECSClient(endpoint.client),
    requests,
    tasks,
    become: change => {
      tasks[0] = { ...tasks[0], ...change };
    },
    lag: value => {
      isBehind = value;
    },
    vanish: () => {
      isGone = true;
    },
    refuseNext: value => {
      refusal = value;
    },
    stops: () => endpoint.calls.filter(({ operation }) => operation === 'StopTask'),
  };
}
