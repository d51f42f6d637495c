/**
 * The main job in an account, through every part: built CLI, signed invocation, built doors, DynamoDB, keeper, worker as
 * function or task, session credentials, Secrets Manager, git over SSH, Terraform with its state in S3, logs, exit code.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareRepository, type Repository } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Account, installInAccount } from './account.ts';

const backend = 'terraform {\n  backend "s3" {}\n}\n';
const files = {
  'prod/vpc/main.tf': `${backend}resource "terraform_data" "vpc" { input = "10.0.0.0/16" }\noutput "id" { value = terraform_data.vpc.id }\n`,
  'prod/function/main.tf': `${backend}resource "terraform_data" "f" { input = "x" }\n`,
  'prod/other/main.tf': `${backend}resource "terraform_data" "other" {}\n`,
};
const rules = [
  { name: 'plan-jobs', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'], identity: { project_id: 20 } },
  { name: 'apply-main', allow: ['apply'], refs: ['refs/heads/main'], paths: ['prod/**'], identity: { project_id: 20 } },
];

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))(
  'the main job in an account',
  { timeout: 180_000 },
  () => {
    let repository: Repository;
    let account: Account;
    beforeAll(async () => {
      repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
      account = await installInAccount({
        repository: repository.dir,
        rules,
        stacks: [
          { paths: ['prod/vpc'], worker: 'fargate' },
          { paths: ['prod/function'], worker: 'lambda' },
        ],
      });
    }, 180_000);
    afterAll(() => account?.stop());

    let job = 5000;
    const token = (): string =>
      account.issuer.token({
        sha: repository.id('main'),
        ref: 'main',
        ref_path: 'refs/heads/main',
        job_id: `${++job}`,
      });
    const asked = (command: string, path: string) => ['--command', command, '--path', path, '--ref', 'main'];
    const cli = (...args: string[]) => account.cli(args, { INFRA_DEPLOYER_ID_TOKEN: token() });

    test.each([
      ['fargate', 'prod/vpc'],
      ['lambda', 'prod/function'],
    ])('is planned, and applied exactly so, by a %s worker', async (kind, path) => {
      const plan = await cli(...asked('plan', path));
      expect(plan.stderr + plan.stdout).toContain('1 to add');
      expect(plan).toMatchObject({ status: 0 });
      expect(plan.stdout).toContain(`(${kind})`);
      const applied = await cli(...asked('apply', path), '--json');
      expect(JSON.parse(applied.stdout)).toMatchObject({
        exitCode: 0,
        run: { state: 'succeeded', worker: kind, counts: { create: 1 } },
      });
      const again = await cli(...asked('plan', path), '--detailed-exitcode');
      expect(again).toMatchObject({ status: 0 });
    });
  },
);
