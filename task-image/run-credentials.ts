/** What a run may use while its tool runs: the credentials of the stack's role, and secrets in the environment. */
import type { StackSettings } from '../policies/allowlist.ts';
import type { Session } from '../policies/contract/worker.ts';
import type { Control } from './control.ts';
import { openCredentialsEndpoint } from './credentials-endpoint.ts';
import { Failure } from './failure.ts';
import { renewedSession } from './renewed-session.ts';
import { secretEnvironment } from './secret-environment.ts';

export interface RunCredentials {
  /** For every step of the tool. */
  readonly environment: Readonly<Record<string, string>>;
  /** Nobody gets credentials any more. */
  readonly drop: () => Promise<void>;
}

/** What the door gives is what the policy says that this command runs as, or the run fails. */
export async function takeRunCredentials(
  control: Pick<Control, 'claimed' | 'credentials' | 'masker'>,
  settings: Pick<StackSettings, 'plan' | 'apply'>,
): Promise<RunCredentials> {
  const { role, envSecrets } = settings[control.claimed.command];
  if (role === undefined && envSecrets.length === 0) return { environment: {}, drop: async () => {} };
  const { hide } = control.masker;
  const given = await control.credentials();
  if ((role === undefined) !== (given.role === undefined)) throw policyChanged;
  const environment = await secretEnvironment(envSecrets, given.secrets, hide);
  if (given.role === undefined) return { environment, drop: async () => {} };
  const renew = async (): Promise<Session> => {
    const again = await control.credentials();
    if (again.role === undefined) throw policyChanged;
    return again.role;
  };
  const endpoint = await openCredentialsEndpoint(renewedSession(given.role, renew), hide);
  return { environment: { ...environment, ...endpoint.environment }, drop: endpoint.close };
}

const policyChanged = new Failure(
  'E_CREDENTIALS',
  'the policy has changed since this run began: it now says something else of `role`',
  'ask again',
);
