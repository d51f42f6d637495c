/** Says whether AWS STS would hand out a session of a role. */
import type { Policies, Verdict } from './judge.ts';
import type { Context, Principal } from './request.ts';

export interface Assumption {
  readonly principal: Principal;
  /** ARN of the role. */
  readonly role: string;
  readonly session?: {
    readonly name?: string;
    readonly sourceIdentity?: string;
    readonly tags?: Readonly<Record<string, string>>;
    readonly transitiveTagKeys?: readonly string[];
    readonly externalId?: string;
  };
  /** Further keys, like the claims of a web identity (`gitlab.example.com:sub`). */
  readonly context?: Context;
}

/** `policies` are those of who asks; `resource` is the role's trust. `action` is the first that is not allowed. */
export function mayAssume(_assumption: Assumption, _policies: Policies): Verdict & { readonly action: string } {
  throw new Error('to come');
}
