/** Judges a session's demands by every policy of the world that applies to it. */
import type { Demand, Place } from './demands/demand.ts';
import { judge, type Policies } from './iam/judge.ts';
import type { PolicyDocument } from './iam/policy-document.ts';
import type { Context } from './iam/request.ts';
import type { Session } from './sessions.ts';
import type { World } from './world.ts';

/** The first demand that is refused, and why; undefined when all are met. */
export function refusedDemand(
  world: World,
  place: Pick<Place, 'account' | 'region'>,
  session: Session,
  demands: readonly Demand[],
  endpoint?: PolicyDocument,
): { readonly demand: Demand; readonly because: string } | undefined {
  for (const demand of demands) {
    const { action, resource, context } = demand;
    const verdict = judge(
      {
        action,
        resource,
        resourceAccount: resource.split(':')[4] || place.account,
        principal: session.principal,
        context: { ...contextOf(session, place.region), ...context },
      },
      { ...policiesOf(world, session), ...resourcePolicy(world, resource), ...(endpoint && { endpoint }) },
    );
    if (!verdict.allowed) return { demand, because: verdict.because };
  }
  return undefined;
}

/** What the session is held to, whatever it asks for. */
export function policiesOf({ roles }: World, session: Session): Policies {
  const role = roles[session.principal.role];
  return {
    identity: role?.policies ?? [],
    ...(role?.boundary && { boundary: role.boundary }),
    ...(session.policy && { session: session.policy }),
  };
}

/** The front stands for AWS's TLS: tests talk to it in clear. */
export const contextOf = (session: Session, region: string): Context => ({
  'aws:SecureTransport': 'true',
  'aws:RequestedRegion': region,
  ...(session.sourceIdentity !== undefined && { 'aws:SourceIdentity': session.sourceIdentity }),
});

/** A bucket's policy covers its objects. */
function resourcePolicy({ resourcePolicies = {} }: World, resource: string): Pick<Policies, 'resource'> {
  const owner = /^arn:[^:]+:s3:::/.test(resource) ? resource.split('/')[0] : resource;
  const policy = resourcePolicies[owner ?? ''];
  return policy ? { resource: policy } : {};
}
