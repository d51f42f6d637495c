/** As whom a plan or an apply runs: the trusted form of what the policy file says. */
import type { RunAsBody } from './run-as-schema.ts';

export interface RunAs {
  /** ARN of a role of AWS. */
  readonly role?: string;
  /** Sorted by name, each name once. */
  readonly envSecrets: readonly EnvSecret[];
}

/** `secret` is an ARN or file:/path of a JSON object; the value of its `key` fills the environment variable `name`. */
export interface EnvSecret {
  readonly name: string;
  readonly secret: string;
  readonly key: string;
}

export const runAsOf = ({ role, env_secrets = {} }: RunAsBody): RunAs => ({
  ...(role !== undefined && { role }),
  envSecrets: Object.entries(env_secrets)
    .map(([name, { secret, key }]) => ({ name, secret, key }))
    .sort((a, b) => (a.name < b.name ? -1 : 1)),
});
