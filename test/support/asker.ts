/** Whoever asks, made from the claims of a GitLab job as a verified token would have them. */
import type { Asker } from '../../policies/contract/identity.ts';
import { kinds } from '../../policies/issuers/kinds.ts';
import { type Claims, gitlabClaims, written } from './issuer-claims.ts';
import { value } from './value.ts';

/** `claims` are laid over the usual ones; `planners` are `issuer:user`. */
export function gitlabAsker(claims: Claims = {}, planners: readonly string[] = [], issuer = 'gitlab'): Asker {
  return {
    identity: value(kinds.gitlab.identify(issuer, written({ ...gitlabClaims, ...claims }))),
    planners: [...planners],
  };
}
