/** On one machine nobody hands out credentials: what stands in a file the worker reads itself, and all else is refused. */
import { ok, refuse } from '../../policies/contract/error.ts';
import type { RunCredentials } from '../credentials.ts';

export const noCredentials: RunCredentials = {
  // A deploy key that is a secret of AWS is refused by the worker, who cannot read it.
  ofSource: async () => ok(undefined),
  ofRun: async (run, _repository, settings) => {
    const { command } = run.request;
    const { role, envSecrets } = settings[command];
    if (role !== undefined)
      return refuse(
        'E_CREDENTIALS',
        `this server has no AWS account, and the policy names a role for this ${command}`,
        `have an admin leave out \`${command}.role\`, and give credentials by \`env_secrets\` from a file`,
      );
    const secret = envSecrets.find(({ secret }) => !secret.startsWith('file:'));
    if (secret === undefined) return ok({});
    return refuse(
      'E_CREDENTIALS',
      `this server has no AWS account, and the policy takes \`${secret.name}\` from a secret of one`,
      'have an admin name a file: `file:/path`',
    );
  },
};
