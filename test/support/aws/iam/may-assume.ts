/** Says whether AWS STS would hand out a session of a role. */
import { judge, type Policies, type Verdict } from './judge.ts';
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

/**
 * `policies` are those of who asks; `resource` is the role's trust. Tags and a source identity are actions of their
 * own, which trust and identity must allow too; `action` is the first that is not allowed.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
 */
export function mayAssume(assumption: Assumption, policies: Policies): Verdict & { readonly action: string } {
  const { principal, role: resource, session = {} } = assumption;
  const context = contextOf(assumption);
  const on = (action: string) => ({ ...judge({ action, resource, context, principal }, policies), action });
  const first = on('federated' in principal ? 'sts:AssumeRoleWithWebIdentity' : 'sts:AssumeRole');
  const further = [
    ...(Object.keys(session.tags ?? {}).length > 0 ? ['sts:TagSession'] : []),
    ...(session.sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
  return [first, ...further.map(on)].find(({ allowed }) => !allowed) ?? first;
}

function contextOf({ session = {}, context }: Assumption): Context {
  const { name, sourceIdentity, tags = {}, transitiveTagKeys = [], externalId } = session;
  return {
    ...context,
    ...(name !== undefined && { 'sts:RoleSessionName': name }),
    ...(sourceIdentity !== undefined && { 'sts:SourceIdentity': sourceIdentity }),
    ...(externalId !== undefined && { 'sts:ExternalId': externalId }),
    ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    'aws:TagKeys': Object.keys(tags),
    'sts:TransitiveTagKeys': transitiveTagKeys,
  };
}
