/** Puts a call before the judge, with every policy of the installation that applies to it. */
import { judge, type Verdict } from '../support/aws/iam/judge.ts';
import { mayAssume } from '../support/aws/iam/may-assume.ts';
import { type PolicyDocument, readPolicy } from '../support/aws/iam/policy-document.ts';
import type { Context } from '../support/aws/iam/request.ts';
import { type Actor, type Judged, place } from './actors.ts';
import type { Call } from './calls.ts';
import type { Rendered, RenderedFunction } from './rendered.ts';

/** Throws where those that are one actor are not judged alike. */
export function may(rendered: Rendered, actor: Actor, call: Call): boolean {
  const verdicts = actor.map(judged => verdict(rendered, judged, call).allowed);
  if (new Set(verdicts).size !== 1) throw new Error(`${call.action} on ${call.resource}: ${verdicts.join(', ')}`);
  return verdicts[0] === true;
}

export function verdict(rendered: Rendered, { principal, policies, context }: Judged, call: Call): Verdict {
  const { action, resource, through, owner = rendered.account } = call;
  const own = resourcePolicy(rendered, resource);
  const endpoint = through === undefined ? undefined : endpointOf(rendered, through);
  const all = { ...policies, ...(own && { resource: own }), ...(endpoint && { endpoint }) };
  const said: Context = { ...context, ...call.context };
  if (action === 'sts:AssumeRole') return mayAssume({ principal, role: resource, ...sessionOf(said) }, all);
  const ownerless = resource.startsWith('arn:aws:s3:::') ? { resourceAccount: owner } : {};
  return judge({ action, resource, context: said, principal, ...ownerless }, all);
}

function endpointOf({ endpoints }: Rendered, service: string): PolicyDocument {
  const endpoint = endpoints[service];
  if (endpoint === undefined) throw new Error(`the module makes no endpoint of ${service}`);
  return endpoint.policy;
}

/** What the context says of the session to be made. */
function sessionOf({
  'sts:RoleSessionName': name,
  'sts:SourceIdentity': id,
  'aws:RequestTag/path': path,
  ...context
}: Context) {
  if (typeof name !== 'string' || typeof id !== 'string' || typeof path !== 'string') return { context };
  return { context, session: { name, sourceIdentity: id, tags: { path } } };
}

function resourcePolicy(rendered: Rendered, arn: string): PolicyDocument | undefined {
  const { buckets, keys, roles, functions, registry, targetTrust } = rendered;
  const bucket = Object.values(buckets).find(one => arn === one.arn || arn.startsWith(`${one.arn}/`));
  const key = Object.values(keys).find(one => one.arn === arn);
  const role = Object.values(roles).find(one => one.arn === arn);
  const invoked = Object.values(functions).find(one => one.aliasArn === arn);
  if (targets.has(arn)) return targetTrust;
  if (arn === registry.arn) return registry.policy;
  if (arn.startsWith(`arn:aws:s3:::${place.strangersBucket}/`)) return open;
  return bucket?.policy ?? key?.policy ?? role?.trust ?? (invoked && permissionsOf(invoked));
}

/** Roles that rules name, set up as the module's output says. */
const targets = new Set<string>([place.planRole, place.applyRole, place.otherAccountsRole, place.unknownRole]);

const open = readPolicy({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: '*' },
});

/** https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html */
function permissionsOf({ aliasArn, permissions }: RenderedFunction): PolicyDocument {
  return readPolicy({
    Version: '2012-10-17',
    Statement: permissions.map(({ principal, source }) => ({
      Effect: 'Allow',
      Principal: { Service: principal },
      Action: 'lambda:InvokeFunction',
      Resource: aliasArn,
      Condition: { ArnLike: { 'aws:SourceArn': source } },
    })),
  });
}
