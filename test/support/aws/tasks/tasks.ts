/**
 * Tasks of ECS as processes of this machine. moto checks a RunTask and names the task; from then on its state is told
 * here, since nothing ever runs or stops in moto.
 */
import { jsonOperation, list, record, text } from '../demands/demand.ts';
import { failed } from '../failure.ts';
import { type AwsRequest, type AwsResponse, jsonResponse } from '../wire.ts';
import type { TaskDefinition, World } from '../world.ts';
import type { TaskEndpoint } from './endpoint.ts';
import { type FailedStart, startTask, type Task } from './task.ts';

export interface TasksOptions {
  readonly world: World;
  readonly endpoint: TaskEndpoint;
  /** For `AWS_ENDPOINT_URL`, the one variable that AWS does not set. */
  readonly url: string;
  /** Told of every task that has stopped, as EventBridge is. */
  onStopped(event: unknown): void;
}

export interface Tasks {
  readonly all: readonly Task[];
  /** The next task stops before it has started. */
  failNextStart(how: FailedStart): void;
  /** Answers the operations on tasks; `runTask` asks moto. */
  answer(request: AwsRequest, runTask: () => Promise<AwsResponse>): Promise<AwsResponse>;
  end(): void;
}

export function createTasks({ world, endpoint, url, onStopped }: TasksOptions): Tasks {
  const tasks: Task[] = [];
  const failedStarts: FailedStart[] = [];
  const byToken = new Map<string, { readonly body: string; readonly answer: Promise<AwsResponse> }>();

  const run = async (definition: TaskDefinition, runTask: () => Promise<AwsResponse>): Promise<AwsResponse> => {
    const answer = await runTask();
    if (answer.status !== 200) return answer;
    const made = list(record(JSON.parse(answer.body.toString())).tasks).map(record);
    const started = made.map(moto =>
      startTask({ moto, definition, region: world.region, url, endpoint, onStopped }, failedStarts.shift()),
    );
    tasks.push(...started);
    return jsonResponse(200, { tasks: started.map(task => task.described()), failures: [] });
  };

  const runOnce = (request: AwsRequest, input: Record<string, unknown>, runTask: () => Promise<AwsResponse>) => {
    const definition = world.taskDefinitions?.[text(input.taskDefinition)];
    const problem = definition ? problemOf(input, definition) : 'TaskDefinition not found.';
    if (!definition || problem !== undefined) return failed(request, 400, 'InvalidParameterException', problem ?? '');
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
    const token = text(input.clientToken);
    const body = request.body.toString();
    const before = token === '' ? undefined : byToken.get(token);
    if (before) return before.body === body ? before.answer : failed(request, 400, 'ConflictException', 'clientToken');
    const answer = run(definition, runTask);
    byToken.set(token, { body, answer });
    return answer;
  };

  return {
    all: tasks,
    failNextStart: how => failedStarts.push(how),
    async answer(request, runTask) {
      const { name = '', input = {} } = jsonOperation(request, 'AmazonEC2ContainerServiceV20141113') ?? {};
      const cluster = text(input.cluster).split('/').at(-1);
      const here = tasks.filter(task => task.arn.split('/').at(-2) === cluster);
      const find = (id: unknown) => here.find(task => task.arn === id || task.arn.endsWith(`/${text(id)}`));
      if (name === 'RunTask') return runOnce(request, input, runTask);
      if (name === 'DescribeTasks') {
        const asked = list(input.tasks).map(id => ({ id, task: find(id) }));
        return jsonResponse(200, {
          tasks: asked.flatMap(({ task }) => (task ? [task.described()] : [])),
          failures: asked.flatMap(({ id, task }) => (task ? [] : [{ arn: id, reason: 'MISSING' }])),
        });
      }
      if (name === 'ListTasks') {
        const { desiredStatus = 'RUNNING', startedBy, family, ...rest } = input;
        const unknown = Object.keys(rest).find(key => !['cluster', 'maxResults', 'launchType'].includes(key));
        if (unknown !== undefined)
          return failed(request, 400, 'InvalidParameterException', `${unknown} is not known here`);
        const listed = here.filter(
          task =>
            (task.isStopping() ? 'STOPPED' : 'RUNNING') === desiredStatus &&
            (startedBy === undefined || task.described().startedBy === startedBy) &&
            (family === undefined || task.described().group === `family:${text(family)}`),
        );
        return jsonResponse(200, { taskArns: listed.map(({ arn }) => arn) });
      }
      const task = find(input.task);
      if (!task) return failed(request, 400, 'InvalidParameterException', 'The referenced task was not found.');
      task.stop('UserInitiated', text(input.reason) || 'Task stopped by user');
      return jsonResponse(200, { task: task.described() });
    },
    end() {
      for (const task of tasks) task.kill();
    },
  };
}

/** Anything but environment of the one container would be a power that the keeper must not use. */
function problemOf(input: Record<string, unknown>, { container }: TaskDefinition): string | undefined {
  const { containerOverrides, ...others } = record(input.overrides);
  const overrides = list(containerOverrides).map(record);
  if (Object.keys(others).length > 0) return `Override ${Object.keys(others)[0]} is not known here`;
  for (const { name, environment: _, ...rest } of overrides) {
    if (name !== container)
      return `Override for container named ${text(name)} is not a container in the TaskDefinition.`;
    if (Object.keys(rest).length > 0) return `Override ${Object.keys(rest)[0]} is not known here`;
  }
  return input.count === undefined || input.count === 1 ? undefined : 'count is not known here';
}
