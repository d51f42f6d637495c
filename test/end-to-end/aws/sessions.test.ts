/** What a run may use in an account: sessions that carry its name and are renewed while it goes on, and the secrets that the policy names. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Repository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { commandLines } from '../leftovers.ts';
import { type Account, applyRole, installInAccount, planRole, roleOf, stateBucket } from './account.ts';
import { asleep, type Job, jobRules, jobsOf, stacks } from './jobs.ts';
import { type Operator, operatorOf, until } from './operator.ts';

/** STS gives no session for less than 15 minutes; these end sooner, and the applies below go on for longer. */
const maxSessionSeconds = 8;

const secret = { db: 'Tr0ub4dor-and-3', scw: '7c9e6679-7425-40de-944b-e07fc1f90ae7', other: 'correct-horse-battery' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
/** Shows its environment in a way that nobody masks, and the values in one that is. */
const shows = `variable "db_token" {
  type      = string
  sensitive = true
}
resource "terraform_data" "shows" {
  provisioner "local-exec" {
    command = <<-EOT
      echo "they are $TF_VAR_db_token and $SCW_SECRET_KEY"
      printf %s "$TF_VAR_db_token" | sha256sum
      printf %s "$SCW_SECRET_KEY" | sha256sum
      echo "with the other: $(env | grep -c ${secret.other})"
    EOT
  }
}
`;

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))(
  'what a run may use in an account',
  { timeout: 180_000 },
  () => {
    let repository: Repository;
    let account: Account;
    let operator: Operator;
    let job: Job;
    beforeAll(async () => {
      repository = stacks({ long: asleep(12), withdrawn: asleep(13), shows });
      const [db, scw] = ['db', 'scw'].map(key => ({ secret: 'secret:app', key }));
      account = await installInAccount({
        repository: repository.dir,
        rules: jobRules,
        stacks: [{ paths: ['prod/**'], worker: 'fargate', gate: { allow: ['provisioner'] } }],
        secrets: { app: JSON.stringify(secret) },
        runAs: {
          plan: { env_secrets: { TF_VAR_db_token: db } },
          apply: { env_secrets: { TF_VAR_db_token: db, SCW_SECRET_KEY: scw } },
        },
        front: { maxSessionSeconds },
      });
      operator = operatorOf(account);
      job = jobsOf(account, repository);
    }, 180_000);
    afterAll(() => account?.stop());

    const sessionsOf = (role: string, id: string) =>
      account.front.sessions().filter(({ principal }) => principal.role === role && principal.arn.endsWith(`/${id}`));

    test('is given in sessions that are the run’s, of every role that it may have', async () => {
      expect(await job('plan', 'prod/shows')).toMatchObject({ status: 0 });
      const { id, asker } = await operator.run('prod/shows', run => run.state === 'succeeded');
      for (const role of [roleOf(account.rendered, 'run').arn, planRole]) {
        const [session] = sessionsOf(role, id);
        expect(session).toMatchObject({
          sourceIdentity: id,
          principal: {
            tags: { repo: 'infra-live', path: 'prod/shows', job: asker.identity?.job, user: 'gitlab:7' },
          },
        });
        // Nothing is left of the role but what the run needs.
        expect(session?.policy).toBeDefined();
      }
      expect(sessionsOf(applyRole, id)).toEqual([]);
    });

    test('is of a secret the values that the policy names, which nobody sees', async () => {
      expect(await job('apply', 'prod/shows')).toMatchObject({ status: 0 });
      const { id } = await operator.run('prod/shows', run => run.state === 'succeeded');
      const log = (await operator.log(id)).join('\n');
      expect(log).toContain('they are [masked] and [masked]');
      expect(log).toContain(sha256(secret.db));
      expect(log).toContain(sha256(secret.scw));
      expect(log).toContain('with the other: 0');
      for (const value of [secret.db, secret.scw]) expect(log).not.toContain(value);
    });

    /** An apply that goes on for longer than any session. */
    const longApply = async (path: string, seconds: number) => {
      expect(await job('plan', path)).toMatchObject({ status: 0 });
      const ended = job('apply', path);
      await until('it sleeps', () => commandLines().some(line => line.startsWith(`sleep ${seconds}`)));
      return { ended };
    };
    const state = `prod/withdrawn/terraform.tfstate`;

    test('is renewed in an apply that takes longer than a session lasts', async () => {
      const { ended } = await longApply('prod/long', 12);
      expect(await ended).toMatchObject({ status: 0 });
      const { id } = await operator.run('prod/long', run => run.state === 'succeeded');
      const ends = sessionsOf(applyRole, id).map(({ credentials }) => credentials.expiration.getTime());
      const [first = 0] = ends;
      // Its last session began when its first had long ended.
      expect((ends.at(-1) ?? 0) - maxSessionSeconds * 1000).toBeGreaterThan(first);
      expect(account.front.calls.filter(({ because }) => because === 'expired')).toEqual([]);
    });

    test('is not renewed once the policy allows the run no more, and its state is kept all the same', async () => {
      const { ended } = await longApply('prod/withdrawn', 13);
      const { policy, setPolicy } = account;
      const live = { ...policy.repositories['infra-live'], rules: jobRules.filter(({ allow }) => allow[0] === 'plan') };
      await setPolicy({ ...policy, repositories: { 'infra-live': live } });
      const { status, stdout, stderr } = await ended;
      await setPolicy(policy);
      const { id } = await operator.run('prod/withdrawn', run => run.state === 'failed');
      expect(status).toBe(1);
      expect(stdout + stderr).toMatch(new RegExp(`an admin finds it at \`\\S+${id}.tfstate\``));
      expect(await operator.objects(stateBucket, state)).toEqual([]);
      const trail = await operator.ledger.audit(0, 500);
      expect(trail).toContainEqual(
        expect.objectContaining({ event: expect.objectContaining({ kind: 'refused', run: id }) }),
      );
    });
  },
);
