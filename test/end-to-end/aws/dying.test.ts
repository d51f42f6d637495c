/** Workers that are killed, or that AWS takes its capacity back from: what becomes of the run, its path and its state. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Repository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { commandLines } from '../leftovers.ts';
import { type Account, functionOf, installInAccount, stateBucket } from './account.ts';
import { asleep, type Job, jobRules, jobsOf, stacks } from './jobs.ts';
import { type Operator, operatorOf, until } from './operator.ts';

/** Times of the doors: a lease, and the longest that a function lives. */
const [leaseMs, functionMs] = [60_000, 960_000];

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))(
  'a worker that dies',
  { timeout: 180_000 },
  () => {
    let repository: Repository;
    let account: Account;
    let operator: Operator;
    let job: Job;
    beforeAll(async () => {
      repository = stacks({ task: '', function: '', spot: asleep(1201), refused: asleep(1202) });
      account = await installInAccount({
        repository: repository.dir,
        rules: jobRules,
        stacks: [
          { paths: ['prod/task', 'prod/spot', 'prod/refused'], worker: 'fargate' },
          { paths: ['prod/function'], worker: 'lambda' },
          { paths: ['prod/spot', 'prod/refused'], gate: { allow: ['provisioner'] } },
        ],
      });
      operator = operatorOf(account);
      job = jobsOf(account, repository);
    }, 180_000);
    afterAll(() => account?.stop());

    /** Plans the path, until Terraform waits for its state. */
    const planThatHangs = async (path: string) => {
      const on = `${stateBucket}/${path}/terraform.tfstate`;
      account.front.inject('s3:GetObject', { on, delayMs: 60_000 });
      const plan = job('plan', path);
      await until('Terraform reads the state', () => account.front.calls.some(({ resource }) => resource.endsWith(on)));
      return { ended: plan };
    };

    test.each([
      ['task', () => account.front.tasks.at(-1)?.kill()],
      ['function', () => account.front.killFunction(functionOf(account.rendered, 'worker-apply').arn)],
    ])('as a %s is lost when its lease is over, and not before', async (name, kill) => {
      const path = `prod/${name}`;
      const plan = await planThatHangs(path);
      await kill();
      // It may still be alive, for all that the keeper can know.
      await operator.round();
      expect(await operator.run(path, () => true)).toMatchObject({ state: 'running' });
      await operator.round(leaseMs + 1000);
      const { status, stdout, stderr } = await plan.ended;
      expect(status).toBe(1);
      expect(stdout + stderr).toContain('the worker was not heard of for one lease');
      const log = account.front.functionLog(functionOf(account.rendered, 'keeper').arn);
      expect(log).toMatch(/"event":"lost"/);

      const next = job('plan', path);
      if (name === 'function') {
        // Nobody can look at a function: its path is free when Lambda itself has ended it.
        await operator.run(path, run => run.state === 'queued');
        await operator.round();
        expect(await operator.run(path, () => true)).toMatchObject({ state: 'queued' });
        await operator.round(functionMs + leaseMs);
      }
      expect(await next).toMatchObject({ status: 0, stdout: expect.stringContaining('1 to add') });
    });

    /** Applies the path, and has AWS end the task once Terraform is in the middle of it. */
    const appliedUntilInterrupted = async (path: string, seconds: number) => {
      expect(await job('plan', path)).toMatchObject({ status: 0 });
      const apply = job('apply', path);
      await until('it has made one thing', () => commandLines().some(line => line.startsWith(`sleep ${seconds}`)));
      const { id } = await operator.run(path, run => run.phase === 'apply');
      account.front.tasks.at(-1)?.stop('SpotInterruption', 'Your Spot Task was interrupted.');
      const { status, stdout, stderr } = await apply;
      expect(status).toBe(1);
      expect(await operator.run(path, run => !run.occupied)).toMatchObject({
        id,
        state: 'failed',
        error: { code: 'E_LOST' },
      });
      return { id, said: stdout + stderr };
    };

    test('in an apply, because AWS takes its capacity back, has saved what it made', async () => {
      const { said } = await appliedUntilInterrupted('prod/spot', 1201);
      expect(said).toContain('the worker was ended by its platform');
      expect(JSON.parse(await operator.object(stateBucket, 'prod/spot/terraform.tfstate'))).toMatchObject({
        resources: expect.arrayContaining([expect.objectContaining({ name: 'made' })]),
      });
      expect(await operator.objects(stateBucket, 'prod/spot/terraform.tfstate.tflock')).toEqual([]);
      expect(said).not.toContain('the backend did not take the state');
    });

    test('in an apply whose backend takes no state, has put that where an admin finds it', async () => {
      const on = `${stateBucket}/prod/refused/terraform.tfstate`;
      account.front.inject('s3:PutObject', { on, error: { code: 'AccessDenied', status: 403 } }, 50);
      const { id, said } = await appliedUntilInterrupted('prod/refused', 1202);
      expect(said).toContain('the backend did not take the state');
      const [, bucket = '', key = ''] = new RegExp(`at \`${account.front.url}/([^/\`]+)/([^\`]+)\``).exec(said) ?? [];
      expect(key).toContain(id);
      expect(JSON.parse(await operator.object(bucket, key))).toMatchObject({
        resources: expect.arrayContaining([expect.objectContaining({ name: 'made' })]),
      });
      expect(await operator.objects(stateBucket, 'prod/refused/')).toEqual([]);
    });
  },
);
