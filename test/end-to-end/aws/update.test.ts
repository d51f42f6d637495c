/**
 * An account that is updated while people work: the doors and the keeper become those of the next version, with a run in
 * flight and one in the queue. Both versions are made of the same sources, so what this shows is that nothing of a run lives
 * in a function; that the next version understands this one is held to by the recordings of `test/compatibility/`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleFunctions } from '../../../esbuild.config.ts';
import type { Repository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Account, functionOf, installInAccount, stateBucket } from './account.ts';
import { type Job, jobRules, jobsOf, stacks } from './jobs.ts';
import { type Operator, operatorOf, until } from './operator.ts';

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))('an update', { timeout: 180_000 }, () => {
  let repository: Repository;
  let account: Account;
  let operator: Operator;
  let job: Job;
  let bundle: string;
  beforeAll(async () => {
    repository = stacks({ task: '' });
    bundle = join(temporaryDirectory('next'), 'lambda');
    [account] = await Promise.all([
      installInAccount({
        repository: repository.dir,
        rules: jobRules,
        stacks: [{ paths: ['prod/task'], worker: 'fargate' }],
      }),
      bundleFunctions(bundle, '0.2.0'),
    ]);
    operator = operatorOf(account);
    job = jobsOf(account, repository);
  }, 180_000);
  afterAll(() => account?.stop());

  test('brings the run in flight and the one in the queue to their end, with the client and the worker that they have', async () => {
    const { front, rendered } = account;
    const on = `${stateBucket}/prod/task/terraform.tfstate`;
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    front.inject('s3:GetObject', { on, held });
    const running = job('plan', 'prod/task');
    await until('Terraform reads the state', () => front.calls.some(({ resource }) => resource.endsWith(on)));
    const { id } = await operator.run('prod/task', run => run.state === 'running');
    const waiting = job('plan', 'prod/task', ['--json']);
    const queued = await operator.run('prod/task', run => run.id !== id);

    for (const name of ['deploy', 'worker', 'audit', 'keeper'] as const) {
      const { arn } = functionOf(rendered, name);
      front.replaceCode(arn, { bundle: join(bundle, 'index.mjs') });
      await front.killFunction(arn);
    }
    letGo();

    expect(await running).toMatchObject({ status: 0, stdout: expect.stringContaining('1 to add') });
    const { status, stdout } = await waiting;
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ run: { id: queued.id, state: 'succeeded', counts: { create: 1 } } });
    // What the version before has signed is good.
    expect(await job('apply', 'prod/task', ['--plan-id', id])).toMatchObject({ status: 0 });
  });
});
