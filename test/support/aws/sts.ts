/**
 * STS, as far as sessions of roles go: AssumeRole, judged by both sides, and GetCallerIdentity.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
import { escapeXml, failed } from './failure.ts';
import { mayAssume } from './iam/may-assume.ts';
import { type PolicyDocument, readPolicy } from './iam/policy-document.ts';
import { contextOf, policiesOf } from './judgement.ts';
import type { Session, Sessions } from './sessions.ts';
import type { AwsRequest, AwsResponse } from './wire.ts';
import type { World } from './world.ts';

export interface StsOptions {
  readonly world: World;
  readonly sessions: Sessions;
  readonly maxSessionSeconds?: number;
}

/** An answer, and what the call is put on record as. */
export interface StsOutcome {
  readonly response: AwsResponse;
  readonly action: string;
  readonly resource: string;
  readonly refused?: string;
}

/** `region` is the one that the request was signed for. */
export function answerSts(request: AwsRequest, session: Session, region: string, options: StsOptions): StsOutcome | undefined {
  const form = new URLSearchParams(request.body.toString());
  const action = form.get('Action');
  if (request.method !== 'POST' || request.query.length > 0) return undefined;
  // Nobody can be forbidden to ask who they are.
  if (action === 'GetCallerIdentity') {
    const { arn, account } = session.principal;
    const xml = `<Arn>${escapeXml(arn)}</Arn><UserId>${escapeXml(userId(session))}</UserId><Account>${account}</Account>`;
    return { response: answer('GetCallerIdentity', xml), action: 'sts:GetCallerIdentity', resource: '*' };
  }
  return action === 'AssumeRole' ? assumeRole(request, form, session, region, options) : undefined;
}

function assumeRole(
  request: AwsRequest,
  form: URLSearchParams,
  caller: Session,
  region: string,
  { world, sessions, maxSessionSeconds = Number.POSITIVE_INFINITY }: StsOptions,
): StsOutcome {
  const role = form.get('RoleArn') ?? '';
  const call = { action: 'sts:AssumeRole', resource: role };
  const invalid = (message: string): StsOutcome => ({
    ...call,
    response: failed(request, 400, 'ValidationError', message),
    refused: message,
  });
  const asked = readSession(form);
  const problem = problemOf(form, asked);
  if (problem !== undefined) return invalid(problem);
  const known = world.roles[role];
  const verdict = known && mayAssume(
    {
      principal: caller.principal,
      role,
      session: asked,
      context: contextOf(caller, region),
    },
    { ...policiesOf(world, caller), resource: known.trust },
  );
  // A role that is not there is answered like one that is closed.
  if (!verdict?.allowed) {
    const action = verdict?.action ?? 'sts:AssumeRole';
    const message = `User: ${caller.principal.arn} is not authorized to perform: ${action} on resource: ${role}`;
    return { action, resource: role, response: failed(request, 403, 'AccessDenied', message), refused: verdict?.because ?? 'no such role' };
  }
  // A chain of roles keeps the identity it began with.
  const sourceIdentity = caller.sourceIdentity ?? asked.sourceIdentity;
  if (asked.sourceIdentity !== undefined && asked.sourceIdentity !== sourceIdentity) {
    return invalid('SourceIdentity cannot be changed in a chain of roles');
  }
  let policy: PolicyDocument | undefined;
  try {
    const given = form.get('Policy');
    policy = given === null ? undefined : readPolicy(given);
  } catch (error) {
    return { ...call, response: failed(request, 400, 'MalformedPolicyDocument', String(error)), refused: String(error) };
  }
  const session = sessions.issue(role, {
    name: asked.name,
    tags: asked.tags,
    seconds: Math.min(Number(form.get('DurationSeconds') ?? 3600), maxSessionSeconds),
    ...(policy && { policy }),
    ...(sourceIdentity !== undefined && { sourceIdentity }),
  });
  return { ...call, response: answer('AssumeRole', describe(session)) };
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
  if (!(Number.isInteger(seconds) && seconds >= 900 && seconds <= 3600)) return 'durationSeconds: role chaining ends after an hour';
  if ((form.get('Policy') ?? '').length > 2048) return 'policy';
  const pairs = Object.entries(tags);
  if (pairs.length > 50) return 'tags';
  return pairs.every(([key, value]) => key.length <= 128 && value.length <= 256 && tagText.test(key) && tagText.test(value))
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
    ...(session.sourceIdentity === undefined ? [] : [`<SourceIdentity>${escapeXml(session.sourceIdentity)}</SourceIdentity>`]),
  ].join('');
}

const answer = (action: string, xml: string): AwsResponse => ({
  status: 200,
  headers: { 'content-type': 'text/xml' },
  body: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${xml}</${action}Result></${action}Response>`,
});
