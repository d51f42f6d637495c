/** The keys that conditions and variables of a policy may ask for. */
import { arnParts } from './arn.ts';
import type { Identity, Principal, Request } from './request.ts';

/** By name in small letters: AWS reads `AWS:SourceArn` as `aws:SourceArn`. A key without a value is not there. */
export type Keys = ReadonlyMap<string, readonly string[]>;

export const valuesAt = (keys: Keys, name: string): readonly string[] | undefined => keys.get(name.toLowerCase());

/** Throws at a key of several values: only set operators know what to do with those. */
export function valueAt(keys: Keys, name: string): string | undefined {
  const values = valuesAt(keys, name);
  if (values !== undefined && values.length > 1) throw new Error(`${name} has several values, so a set is asked for`);
  return values?.[0];
}

/**
 * What the request says, and what AWS itself says of it. Throws where a request claims one of the latter.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
 */
export function keysOf(request: Request): Keys {
  const own = { ...keysOfPrincipal(request.principal), 'aws:ResourceAccount': resourceAccount(request) };
  const keys = new Map<string, readonly string[]>([['aws:securetransport', ['true']]]);
  for (const [name, value] of Object.entries(own)) keys.set(name.toLowerCase(), [value]);
  const fixed = new Set(Object.keys(own).map(name => name.toLowerCase()));
  for (const [name, value] of Object.entries(request.context ?? {})) {
    if (fixed.has(name.toLowerCase())) throw new Error(`${name} is not the request's to say`);
    const values = typeof value === 'string' ? [value] : value;
    if (values.length > 0) keys.set(name.toLowerCase(), values);
  }
  return keys;
}

function keysOfPrincipal(principal: Principal): Record<string, string> {
  if ('service' in principal) return { 'aws:PrincipalIsAWSService': 'true' };
  if ('federated' in principal) return { 'aws:PrincipalIsAWSService': 'false' };
  const role = roleOf(principal);
  const user = /^arn:[^:]+:iam::\d+:user\/(?:.*\/)?([^/]+)$/.exec(principal.arn)?.[1];
  return {
    'aws:PrincipalIsAWSService': 'false',
    'aws:PrincipalAccount': principal.account,
    'aws:PrincipalArn': role ?? principal.arn,
    ...(user !== undefined && { 'aws:username': user }),
    ...Object.fromEntries(
      Object.entries(principal.tags ?? {}).map(([key, value]) => [`aws:PrincipalTag/${key}`, value]),
    ),
  };
}

/** The role that a principal is, or is a session of; nothing for a user. */
export function roleOf({ arn, role }: Identity): string | undefined {
  const kind = arnParts(arn)?.[5]?.split('/')[0];
  if (kind === 'user') return undefined;
  if (kind === 'role') return arn;
  if (kind !== 'assumed-role') throw new Error(`${arn} is no user, role or session`);
  if (role === undefined) throw new Error(`which role is ${arn} a session of?`);
  return role;
}

/** Throws where neither the ARN nor the request names it: a bucket may be anybody's. */
export function resourceAccount({ resource, resourceAccount, principal }: Request): string {
  const named = resource === '*' ? 'account' in principal && principal.account : arnParts(resource)?.[4];
  if (named && resourceAccount && named !== resourceAccount)
    throw new Error(`${resource} is not of ${resourceAccount}`);
  const account = named || resourceAccount;
  if (!account) throw new Error(`whose is ${resource}?`);
  return account;
}
