/** Jobs of CI that ask for runs in an account, each with a token of its own. */

import { join } from 'node:path';
import type { CommandOptions, Finished } from '../../support/command.ts';
import { bareRepository, type Files, type Repository } from '../../support/repository.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import type { Account } from './account.ts';

export type Job = (
  command: 'plan' | 'apply',
  path: string,
  args?: readonly string[],
  options?: Omit<CommandOptions, 'env'>,
) => Promise<Finished>;

/** From the pipeline of main; each asks for one run and waits for its end. */
export function jobsOf(account: Account, repository: Repository): Job {
  let job = 7000;
  return (command, path, args = [], options = {}) => {
    const commit = { sha: repository.id('main'), ref: 'main', ref_path: 'refs/heads/main' };
    const token = account.issuer.token({ ...commit, job_id: `${++job}` });
    return account.cli(
      ['--command', command, '--path', path, '--ref', 'main', ...args],
      { INFRA_DEPLOYER_ID_TOKEN: token },
      { timeoutMs: 170_000, ...options },
    );
  };
}

/** Any branch may be planned, main may be applied. */
export const jobRules = [
  { name: 'plan-jobs', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'], identity: { project_id: 20 } },
  { name: 'apply-main', allow: ['apply'], refs: ['refs/heads/main'], paths: ['prod/**'], identity: { project_id: 20 } },
];

/** A repository whose stacks, each a directory of `prod/`, keep their state in S3. */
export function stacks(mains: Readonly<Record<string, string>>): Repository {
  const files: Files = Object.fromEntries(
    Object.entries(mains).map(([name, main]) => [
      `prod/${name}/main.tf`,
      `terraform {\n  backend "s3" {}\n}\nresource "terraform_data" "made" { input = "${name}" }\n${main}`,
    ]),
  );
  return bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
}

/** Makes one thing, and then does not come to its end for a while. */
export const asleep = (seconds: number): string => `resource "terraform_data" "asleep" {
  depends_on = [terraform_data.made]
  provisioner "local-exec" {
    command = "echo asleep; sleep ${seconds}"
  }
}
`;
