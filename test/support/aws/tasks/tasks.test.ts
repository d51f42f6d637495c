import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../../requirements.ts';
import { clientFor } from '../clients.ts';
import { startFront } from '../front.ts';
import { startTestFront, type TestFront } from '../test-front.ts';
import { account, caller, echo, policy, services, sink, taskDefinition, testWorld, worker } from '../test-world.ts';

describe.skipIf(requires('aws'))('tasks', { timeout: 60_000 }, () => {
  let { front, as, admin, stop } = {} as TestFront;
  let ecs: ECSClient;
  beforeAll(async () => {
    const everybody = { Effect: 'Allow', Principal: '*', Action: '*', Resource: `${sink}:live` };
    const world = testWorld({ onTaskStopped: `${echo}:live`, endpointPolicies: { lambda: policy(everybody) } });
    ({ front, as, admin, stop } = await startTestFront({ world }));
    ecs = new ECSClient(as);
  }, 120_000);
  afterAll(() => stop?.());

  const run = async (environment: Readonly<Record<string, string>> = {}, input: Partial<RunTaskCommandInput> = {}) => {
    const command = new RunTaskCommand({
      cluster: 'runs',
      taskDefinition,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
      overrides: {
        containerOverrides: [
          { name: 'worker', environment: Object.entries(environment).map(([name, value]) => ({ name, value })) },
        ],
      },
      ...input,
    });
    const arn = (await ecs.send(command)).tasks?.[0]?.taskArn ?? '';
    return { arn, task: front.tasks.find(task => task.arn === arn) };
  };
  const describe1 = async (arn: string) =>
    (await ecs.send(new DescribeTasksCommand({ cluster: 'runs', tasks: [arn] }))).tasks?.[0];
  const until = (arn: string, lastStatus: string) =>
    expect.poll(async () => (await describe1(arn))?.lastStatus, { timeout: 20_000 }).toBe(lastStatus);

  it('run with the environment of their definition, their override and Fargate, and nothing else', async () => {
    const { arn, task } = await run({ INFRA_DEPLOYER_RUN: 'run-1', EXIT: '0' });
    await until(arn, 'STOPPED');
    const env = JSON.parse(task?.log() ?? '');
    expect(Object.keys(env).sort()).toEqual([
      'AWS_CONTAINER_CREDENTIALS_FULL_URI',
      'AWS_DEFAULT_REGION',
      'AWS_ENDPOINT_URL',
      'AWS_EXECUTION_ENV',
      'AWS_REGION',
      'ECS_CONTAINER_METADATA_URI_V4',
      'EXIT',
      'HOME',
      'INFRA_DEPLOYER_DOOR',
      'INFRA_DEPLOYER_RUN',
      'PATH',
      'TMPDIR',
    ]);
    expect(await describe1(arn)).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      containers: [{ exitCode: 0 }],
    });
  });

  it('find the credentials of their role, and who they are', async () => {
    const { arn, task } = await run();
    await expect.poll(() => task?.log(), { timeout: 20_000 }).toContain('}');
    const env = JSON.parse(task?.log() ?? '');
    const found = JSON.parse(await (await fetch(env.AWS_CONTAINER_CREDENTIALS_FULL_URI)).text());
    const credentials = {
      accessKeyId: found.AccessKeyId,
      secretAccessKey: found.SecretAccessKey,
      sessionToken: found.Token,
    };
    const { Arn } = await new STSClient(clientFor(env.AWS_ENDPOINT_URL, credentials)).send(
      new GetCallerIdentityCommand(),
    );
    expect(Arn).toBe(`arn:aws:sts::${account}:assumed-role/worker/${arn.split('/').at(-1)}`);
    expect(await (await fetch(`${env.ECS_CONTAINER_METADATA_URI_V4}/task`)).json()).toMatchObject({ TaskARN: arn });
    task?.kill();
    await until(arn, 'STOPPED');
    expect((await fetch(env.AWS_CONTAINER_CREDENTIALS_FULL_URI)).status).toBe(404);
  });

  it('are listed while they run, and by who started them', async () => {
    const { arn, task } = await run({}, { startedBy: 'run-2' });
    const list = async (desiredStatus: 'RUNNING' | 'STOPPED') =>
      (await ecs.send(new ListTasksCommand({ cluster: 'runs', startedBy: 'run-2', desiredStatus }))).taskArns;
    expect(await list('RUNNING')).toEqual([arn]);
    expect(await list('STOPPED')).toEqual([]);
    task?.kill();
    await until(arn, 'STOPPED');
    expect(await list('STOPPED')).toEqual([arn]);
    expect((await describe1(arn))?.containers?.[0]?.exitCode).toBe(137);
  });

  it('are asked to stop, and killed when they do not', async () => {
    const kind = await run();
    const stubborn = await run({ STUBBORN: '1' });
    for (const { arn, task } of [kind, stubborn]) {
      await expect.poll(() => task?.log(), { timeout: 20_000 }).toContain('}');
      await ecs.send(new StopTaskCommand({ cluster: 'runs', task: arn, reason: 'went silent' }));
      await until(arn, 'STOPPED');
      expect(await describe1(arn)).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'went silent' });
      expect(task?.log()).toContain('asked to end');
    }
    expect((await describe1(kind.arn))?.containers?.[0]?.exitCode).toBe(0);
    expect((await describe1(stubborn.arn))?.containers?.[0]?.exitCode).toBe(137);
  });

  it('are interrupted by AWS', async () => {
    const { arn, task } = await run();
    await expect.poll(() => task?.log(), { timeout: 20_000 }).toContain('}');
    task?.stop('SpotInterruption', 'Your Spot Task was interrupted.');
    await until(arn, 'STOPPED');
    expect(await describe1(arn)).toMatchObject({ stopCode: 'SpotInterruption' });
  });

  it('stop before they started, for a reason, and EventBridge hears of it', async () => {
    const stoppedReason = 'CannotPullContainerError: manifest unknown';
    front.failNextTask({ stopCode: 'TaskFailedToStart', stoppedReason });
    const { arn, task } = await run();
    await until(arn, 'STOPPED');
    expect(await describe1(arn)).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason });
    expect(task?.log()).toBe('');
    await expect
      .poll(() => front.functionLog(echo), { timeout: 20_000 })
      .toContain('told of ECS Task State Change, TaskFailedToStart');
  });

  it('are made once for a token', async () => {
    const once = () => run({ EXIT: '0' }, { clientToken: 'a' });
    const [first, atOnce] = await Promise.all([once(), once()]);
    expect([atOnce.arn, (await once()).arn]).toEqual([first.arn, first.arn]);
    await expect(run({ EXIT: '1' }, { clientToken: 'a' })).rejects.toMatchObject({ name: 'ConflictException' });
  });

  it('take no override but environment', async () => {
    const overrides = (containerOverride: object) => ({
      overrides: { containerOverrides: [{ name: 'worker', ...containerOverride }] },
    });
    await expect(run({}, overrides({ command: ['sh'] }))).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await expect(run({}, { overrides: { taskRoleArn: 'arn:aws:iam::1:role/x' } })).rejects.toMatchObject({
      name: 'InvalidParameterException',
    });
  });

  it('are run by who may pass both their roles', async () => {
    const world = testWorld();
    const [definition] = Object.values(world.taskDefinitions ?? {});
    const other = `arn:aws:iam::${account}:role/other`;
    const withOther = await startFront({
      moto: admin.endpoint,
      world: {
        ...world,
        roles: { ...world.roles, [other]: { trust: services, policies: [] } },
        taskDefinitions: definition ? { [taskDefinition]: { ...definition, executionRole: other } } : {},
      },
    });
    const command = new RunTaskCommand({ cluster: 'runs', taskDefinition });
    const client = new ECSClient(clientFor(withOther.url, withOther.issue(caller)));
    await expect(client.send(command)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(withOther.calls.at(-1)).toMatchObject({ action: 'iam:PassRole', resource: other });
    expect(withOther.tasks).toEqual([]);
    await withOther.stop();
  });

  it('reach AWS through the endpoints of their network', async () => {
    const { arn, task } = await run();
    await expect.poll(() => task?.log(), { timeout: 20_000 }).toContain('}');
    const { AWS_ENDPOINT_URL } = JSON.parse(task?.log() ?? '');
    const credentials = front.issue(worker);
    const invoke = (url: string) =>
      new LambdaClient(clientFor(url, credentials)).send(new InvokeCommand({ FunctionName: `${echo}:live` }));
    await expect(invoke(front.url)).resolves.toMatchObject({ StatusCode: 200 });
    await expect(invoke(AWS_ENDPOINT_URL)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(front.calls.at(-1)).toMatchObject({ because: 'endpoint' });
    task?.kill();
    await until(arn, 'STOPPED');
  });
});
