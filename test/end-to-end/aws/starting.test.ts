/** Workers that do not come: AWS has no room, or no image, or the keeper dies. The run waits for what passes, and fails with the reason otherwise. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Repository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { type Account, functionOf, installInAccount } from './account.ts';
import { type Job, jobRules, jobsOf, stacks } from './jobs.ts';
import { type Operator, operatorOf, until } from './operator.ts';

/** What the SDK tries by itself before the keeper hears of it. */
const sdkAttempts = 4;

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))(
  'a worker that does not come',
  { timeout: 180_000 },
  () => {
    let repository: Repository;
    let account: Account;
    let operator: Operator;
    let job: Job;
    beforeAll(async () => {
      repository = stacks({ task: '', function: '' });
      account = await installInAccount({
        repository: repository.dir,
        rules: jobRules,
        stacks: [
          { paths: ['prod/task'], worker: 'fargate' },
          { paths: ['prod/function'], worker: 'lambda' },
        ],
      });
      operator = operatorOf(account);
      job = jobsOf(account, repository);
    }, 180_000);
    afterAll(() => account?.stop());

    const failedStarts = async (path: string, count: number) =>
      operator.run(path, run => run.state === 'queued' && run.failedStarts?.count === count);
    const starts = () => account.front.calls.filter(({ action }) => action === 'ecs:RunTask').length;

    test('is asked for again as long as there is no room, too many ask, or the registry does not answer', async () => {
      const { front } = account;
      front.inject('ecs:RunTask', { answer: { tasks: [], failures: [{ reason: 'RESOURCE:CPU' }] } });
      front.inject('ecs:RunTask', { error: { code: 'ThrottlingException', status: 400 } }, sdkAttempts);
      front.failNextTask({
        stopCode: 'TaskFailedToStart',
        stoppedReason: 'CannotPullContainerError: ref pull has been retried 5 time(s): i/o timeout',
      });
      const plan = job('plan', 'prod/task');
      await failedStarts('prod/task', 1);
      // Not before its time.
      await operator.round();
      expect(starts()).toBe(1);
      await operator.round(6_000);
      await failedStarts('prod/task', 2);
      await operator.round(20_000);
      await failedStarts('prod/task', 3);
      await operator.round(60_000);
      expect(await plan).toMatchObject({ status: 0, stdout: expect.stringContaining('1 to add') });
      expect(starts()).toBe(1 + sdkAttempts + 2);
      const log = front.functionLog(functionOf(account.rendered, 'keeper').arn);
      expect(log.match(/"event":"start-failed".*RESOURCE:CPU/g)).toHaveLength(1);
      expect(log.match(/"event":"start-failed".*ThrottlingException/g)).toHaveLength(1);
    });

    test('is asked for again where Lambda has no room', async () => {
      const { front, rendered } = account;
      const on = functionOf(rendered, 'worker-apply').aliasArn;
      front.inject(
        'lambda:InvokeFunction',
        { on, error: { code: 'TooManyRequestsException', status: 429 } },
        sdkAttempts,
      );
      const plan = job('plan', 'prod/function');
      await failedStarts('prod/function', 1);
      await operator.round(6_000);
      expect(await plan).toMatchObject({ status: 0, stdout: expect.stringContaining('1 to add') });
    });

    test.each([
      [
        'the image is missing',
        'TaskFailedToStart',
        'CannotPullContainerError: failed to resolve ref 111111111111.dkr.ecr.eu-west-1.amazonaws.com/worker: not found',
      ],
      [
        'a secret of the task cannot be read',
        'TaskFailedToStart',
        'ResourceInitializationError: unable to pull secrets or registry auth: AccessDeniedException: not authorized',
      ],
      ['somebody stops it', 'UserInitiated', 'Task stopped by user'],
    ])('is not asked for again where %s, and its run says so', async (_, stopCode, stoppedReason) => {
      account.front.failNextTask({ stopCode, stoppedReason });
      const plan = await job('plan', 'prod/task');
      expect(plan.status).toBe(1);
      expect(plan.stdout + plan.stderr).toContain(`the worker could not be started: ${stoppedReason}`);
      await operator.run('prod/task', run => run.state === 'failed' && !run.occupied);
    });

    test('ends its run with the reason where it may not read the deploy key', async () => {
      const { policy, setPolicy } = account;
      const { 'infra-live': live } = policy.repositories;
      const gone = 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-deployer/gone-a1b2c3';
      await setPolicy({ ...policy, repositories: { 'infra-live': { ...live, deploy_key: gone } } });
      const plan = await job('plan', 'prod/function');
      await setPolicy(policy);
      expect(plan.status).toBe(1);
      expect(plan.stdout + plan.stderr).toContain(
        'cannot be read from the secret `infra-deployer/gone-a1b2c3`: there is none',
      );
    });

    test('is asked for again where the keeper died before it could', async () => {
      const { front, rendered } = account;
      const before = starts();
      front.inject('ecs:RunTask', { delayMs: 5_000, error: { code: 'ServerException', status: 500 } });
      const plan = job('plan', 'prod/task');
      await until('the keeper asks for a task', () => starts() > before);
      await front.killFunction(functionOf(rendered, 'keeper').arn);
      await operator.round(200_000);
      // Nobody can know that none will come: ECS may take minutes.
      expect(await operator.run('prod/task', () => true)).toMatchObject({ state: 'starting' });
      await operator.round(301_000);
      await failedStarts('prod/task', 1);
      await operator.round(310_000);
      expect(await plan).toMatchObject({ status: 0, stdout: expect.stringContaining('1 to add') });
    });
  },
);
