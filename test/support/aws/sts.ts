/**
 * STS, as far as sessions of roles go: AssumeRole, judged by both sides, and GetCallerIdentity.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
import { escapeXml, failed } from './failure.ts';
import { mayAssume } from './iam/may-assume.ts';
import { type PolicyDocument, readPolicy } from './iam/policy-document.ts';
import { contextOf, policiesOf } from './judgement.ts';
import type { Ruling } from './ruling.ts';
import type { Session, Sessions } from './sessions.ts';
import type { AwsRequest, AwsResponse } from './wire.ts';
import type { World } from './world.ts';

export interface StsOptions {
  readonly world: World;
  readonly sessions: Sessions;
  readonly maxSessionSeconds?: number;
  /** Of the endpoint that the request came through. */
  readonly endpoint?: PolicyDocument;
}

/** `region` is the one that the request was signed for. Undefined is an operation that nobody here knows. */
export function ruleOnSts(
  request: AwsRequest,
  session: Session,
  region: string,
  options: StsOptions,
): Ruling | undefined {
  const form = new URLSearchParams(request.body.toString());
  const action = form.get('Action');
  if (request.method !== 'POST' || request.query.length > 0) return undefined;
  // Nobody can be forbidden to ask who they are.
  if (action === 'GetCallerIdentity') return allowed('sts:GetCallerIdentity', '*', callerIdentity(session));
  return action === 'AssumeRole' ? assumeRole(request, form, session, region, options) : undefined;
}

const allowed = (operation: string, resource: string, response: AwsResponse): Ruling => ({
  allowed: true,
  operation,
  resource,
  respond: async () => response,
});

function callerIdentity(session: Session): AwsResponse {
  const { arn, account } = session.principal;
  const xml = `<Arn>${escapeXml(arn)}</Arn><UserId>${escapeXml(userId(session))}</UserId><Account>${account}</Account>`;
  return answer('GetCallerIdentity', xml);
}

function assumeRole(
  request: AwsRequest,
  form: URLSearchParams,
  caller: Session,
  region: string,
  { world, sessions, maxSessionSeconds = Number.POSITIVE_INFINITY, endpoint }: StsOptions,
): Ruling {
  const role = form.get('RoleArn') ?? '';
  const refused = (
    because: string,
    status: number,
    code: string,
    message = because,
    action = 'sts:AssumeRole',
  ): Ruling => ({
    allowed: false,
    action,
    resource: role,
    because,
    response: failed(request, status, code, message),
  });
  const asked = readSession(form);
  const problem = problemOf(form, asked);
  if (problem !== undefined) return refused(problem, 400, 'ValidationError');
  const trust = world.roles[role]?.trust;
  // A role that is not there is answered like one that is closed.
  const verdict = trust
    ? mayAssume(
        { principal: caller.principal, role, session: asked, context: contextOf(caller, region) },
        { ...policiesOf(world, caller), resource: trust, ...(endpoint && { endpoint }) },
      )
    : ({ allowed: false, because: 'no such role', action: 'sts:AssumeRole' } as const);
  if (!verdict.allowed) {
    const message = `User: ${caller.principal.arn} is not authorized to perform: ${verdict.action} on resource: ${role}`;
    return refused(verdict.because, 403, 'AccessDenied', message, verdict.action);
  }
  // A chain of roles keeps the identity it began with.
  const sourceIdentity = caller.sourceIdentity ?? asked.sourceIdentity;
  if (asked.sourceIdentity !== undefined && asked.sourceIdentity !== sourceIdentity) {
    return refused('source identity', 403, 'AccessDenied');
  }
  const policy = readSessionPolicy(form);
  if (policy instanceof Error) return refused(policy.message, 400, 'MalformedPolicyDocument');
  const session = sessions.issue(role, {
    name: asked.name,
    tags: asked.tags,
    seconds: Math.min(Number(form.get('DurationSeconds') ?? 3600), maxSessionSeconds),
    ...(policy && { policy }),
    ...(sourceIdentity !== undefined && { sourceIdentity }),
  });
  return allowed('sts:AssumeRole', role, answer('AssumeRole', describe(session)));
}

function readSessionPolicy(form: URLSearchParams): PolicyDocument | Error | undefined {
  const given = form.get('Policy');
  try {
    return given === null ? undefined : readPolicy(given);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

interface Asked {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity?: string;
  readonly externalId?: string;
}

function readSession(form: URLSearchParams): Asked {
  const sourceIdentity = form.get('SourceIdentity');
  const externalId = form.get('ExternalId');
  const members = (name: string, part = '') =>
    [...form].filter(([key]) => new RegExp(`^${name}\\.member\\.\\d+${part}$`).test(key));
  const values = members('Tags', '\\.Value').map(([, value]) => value);
  return {
    name: form.get('RoleSessionName') ?? '',
    tags: Object.fromEntries(members('Tags', '\\.Key').map(([, key], index) => [key, values[index] ?? ''])),
    transitiveTagKeys: members('TransitiveTagKeys').map(([, key]) => key),
    ...(sourceIdentity !== null && { sourceIdentity }),
    ...(externalId !== null && { externalId }),
  };
}

/** The parameter that AWS would not take. Sessions of sessions last an hour at most. */
function problemOf(form: URLSearchParams, { name, tags, sourceIdentity }: Asked): string | undefined {
  const seconds = Number(form.get('DurationSeconds') ?? 3600);
  const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
  if (!/^[\w+=,.@-]{2,64}$/.test(name)) return 'roleSessionName';
  if (sourceIdentity !== undefined && !/^[\w+=,.@-]{2,64}$/.test(sourceIdentity)) return 'sourceIdentity';
  if (!(Number.isInteger(seconds) && seconds >= 900 && seconds <= 3600))
    return 'durationSeconds: role chaining ends after an hour';
  if ((form.get('Policy') ?? '').length > 2048) return 'policy';
  const pairs = Object.entries(tags);
  if (pairs.length > 50) return 'tags';
  return pairs.every(
    ([key, value]) => key.length <= 128 && value.length <= 256 && tagText.test(key) && tagText.test(value),
  )
    ? undefined
    : 'tags';
}

const userId = ({ principal }: Session): string => `AROATEST:${principal.arn.split('/').at(-1)}`;

function describe(session: Session): string {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = session.credentials;
  return [
    `<Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>`,
    `<SessionToken>${sessionToken}</SessionToken><Expiration>${expiration.toISOString()}</Expiration></Credentials>`,
    `<AssumedRoleUser><Arn>${escapeXml(session.principal.arn)}</Arn>`,
    `<AssumedRoleId>${escapeXml(userId(session))}</AssumedRoleId></AssumedRoleUser>`,
    ...(session.sourceIdentity === undefined
      ? []
      : [`<SourceIdentity>${escapeXml(session.sourceIdentity)}</SourceIdentity>`]),
  ].join('');
}

const answer = (action: string, xml: string): AwsResponse => ({
  status: 200,
  headers: { 'content-type': 'text/xml' },
  body: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${xml}</${action}Result></${action}Response>`,
});
