/** The credentials that a run is handed, each for exactly what it is for; the port between the worker door and whoever makes them. */
import type { Policy, Repository, StackSettings } from '../policies/allowlist.ts';
import type { Result } from '../policies/contract/error.ts';
import type { Credentials, Session } from '../policies/contract/worker.ts';
import type { RunRecord } from './run.ts';

/** Plain functions; where something cannot be had they refuse, and the run says so. */
export interface RunCredentials {
  /** Reads the secrets with the repository's deploy keys and nothing else; undefined where no key is a secret of AWS. */
  readonly ofSource: (run: RunRecord, repository: Repository) => Promise<Result<Session | undefined>>;
  /** Of the stack's role for this command, but for the states of others in this policy, and for its `env_secrets`. */
  readonly ofRun: (
    run: RunRecord,
    repository: Repository,
    settings: StackSettings,
    inForce: Policy,
  ) => Promise<Result<Credentials>>;
}
