/** Runs whose workers stand still where they begin, so that a thief can come first, or be in their place altogether. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Created } from '../../../policies/contract/run.ts';
import type { Claimed } from '../../../policies/contract/worker.ts';
import type { Task } from '../../support/aws/tasks/task.ts';
import type { TokenOptions } from '../../support/issuer-token.ts';
import { bareRepository, type Repository } from '../../support/repository.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import type { RoleName } from '../../terraform/rendered.ts';
import { type Account, installInAccount } from './account.ts';
import { type Heard, type Knock, knockAs } from './knock.ts';
import { type LedgerInside, lookInto } from './look-into.ts';

export interface HeldRun {
  readonly id: string;
  readonly runKey: string;
  readonly ticket: string;
  readonly task: Task;
  /** Lets the real worker begin. */
  readonly letGo: () => void;
}

/** A run whose worker somebody is who is not the worker. */
export interface TakenRun extends HeldRun {
  readonly claimed: Claimed;
  readonly token: string;
  readonly tell: (operation: string, body?: object) => Promise<Heard>;
}

export interface HeldRuns {
  readonly account: Account;
  readonly repository: Repository;
  readonly inside: LedgerInside;
  /** With the credentials of CI, of a worker. */
  readonly ci: Knock;
  readonly worker: Knock;
  /** With those of any other role. */
  readonly knockAs: (role: RoleName) => Knock;
  /** Of a job of the protected branch, a new one each time. */
  readonly idToken: (options?: TokenOptions) => string;
  readonly asked: (request: {
    path: string;
    command?: 'plan' | 'apply';
    ref?: string;
    planId?: string;
  }) => Promise<HeldRun>;
  /** Somebody comes before the worker. */
  readonly claimed: (held: HeldRun) => Promise<TakenRun>;
  /** The same, and there is no worker any more. */
  readonly taken: (request: Parameters<HeldRuns['asked']>[0]) => Promise<TakenRun>;
  readonly stop: () => Promise<void>;
}

/** All that the policy allows: plans of any branch, applies of `main`. */
const rules = [
  { name: 'plan', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'], identity: { project_id: 20 } },
  { name: 'apply', allow: ['apply'], refs: ['refs/heads/main'], paths: ['prod/**'], identity: { project_id: 20 } },
];

export async function holdRuns(): Promise<HeldRuns> {
  const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), {
    'prod/a/main.tf': 'terraform {\n  backend "s3" {}\n}\n',
  });
  repository.commit('feature', { 'prod/a/evil.tf': '' }, { from: 'main' });
  const gates = temporaryDirectory('gates');
  const waiting = 'until [ -e "$0/$INFRA_DEPLOYER_RUN" ]; do sleep 0.1; done; exec "$@"';
  const account = await installInAccount({
    repository: repository.dir,
    rules,
    stacks: [{ paths: ['**'], worker: 'fargate' }],
    secrets: { 'of-another': 'the secret of another run' },
    worker: (_, entry) => ['sh', '-c', waiting, gates, ...entry],
  });
  const [ci, worker] = [knockAs(account, 'ci'), knockAs(account, 'worker-task-plan')];
  let job = 7000;
  const idToken: HeldRuns['idToken'] = options => {
    const sha = repository.id('main');
    return account.issuer.token({ sha, ref: 'main', ref_path: 'refs/heads/main', job_id: `${++job}` }, options);
  };

  const asked: HeldRuns['asked'] = async request => {
    const answer = await ci.ask(
      'deploy',
      'createRun',
      { command: 'plan', ref: 'main', ...request },
      { idToken: idToken() },
    );
    expect(answer).toMatchObject({ status: 202 });
    const { run, runKey } = answer.body as Created;
    const { id } = run;
    const find = () => account.front.tasks.find(({ described }) => `${described().startedBy}`.startsWith(id));
    await expect.poll(find, { timeout: 60_000, interval: 100 }).toBeDefined();
    const task = find();
    if (task === undefined) throw new Error('the task has gone');
    const [, ticket = ''] = /"INFRA_DEPLOYER_TICKET","value":"([^"]+)"/.exec(JSON.stringify(task.described())) ?? [];
    return { id, runKey, task, ticket, letGo: () => writeFileSync(join(gates, id), '') };
  };

  const claimed: HeldRuns['claimed'] = async held => {
    const answer = await worker.ask('worker', 'claim', { run: held.id, ticket: held.ticket });
    expect(answer).toMatchObject({ status: 200 });
    const claimed = answer.body as Claimed;
    const { token } = claimed;
    return {
      ...held,
      claimed,
      token,
      tell: (operation, body = {}) => worker.ask('worker', operation, body, { token }),
    };
  };

  return {
    account,
    repository,
    inside: lookInto(account),
    knockAs: role => knockAs(account, role),
    ...{ ci, worker, idToken, asked, claimed },
    taken: async request => {
      const run = await claimed(await asked(request));
      run.task.kill();
      return run;
    },
    stop: account.stop,
  };
}
