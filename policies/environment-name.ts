/** Which environment variables of Terraform a secret may fill: a provider's credentials, and variables of the stack. */

/** The form alone: capitals, or Terraform's own way to give a variable of the stack its value. */
export const environmentNamePattern = '^(?:[A-Z][A-Z0-9_]{0,63}|TF_VAR_[A-Za-z0-9_]{1,57})$';

/**
 * What is wrong with a name of the right form, and what to do about it. `hasRole`: the AWS credentials of the run come
 * from a role.
 *
 * Nobody can list every variable that makes some program run another one, read a file or call elsewhere. So a name must
 * end in a word that says it is a credential, or whose, or where that one counts; what else a provider is to know is
 * configuration, and reviewed in the repository.
 */
export function environmentNameFlaw(name: string, hasRole: boolean): { message: string; fix: string } | undefined {
  if (/^TF_VAR_./.test(name)) return undefined;
  if (awsCredentials.has(name)) {
    return hasRole ? { message: 'would outweigh `role`', fix: 'keep one of the two' } : undefined;
  }
  if (saysWhat.test(name) && !ofTheWorker.test(name)) return undefined;
  return {
    message: 'is not a variable that a secret may fill',
    fix: "name a provider's credential, like SCW_SECRET_KEY, or a variable of the stack as TF_VAR_name",
  };
}

const saysWhat =
  /_(?:TOKEN|KEY|SECRET|PASSWORD|PASSPHRASE|CREDENTIALS|CERTIFICATE|AUTH|ID|USER|USERNAME|EMAIL|ACCOUNT|ORGANIZATION|PROJECT|REGION|ZONE)$/;

/** Families that the worker and its programs read themselves. */
const ofTheWorker = /^(?:INFRA_DEPLOYER|TF|TG|TERRAGRUNT|GIT|SSH|SSL|LD|NODE|AWS)_/;

const awsCredentials: ReadonlySet<string> = new Set([
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION', 'AWS_DEFAULT_REGION'],
]);
