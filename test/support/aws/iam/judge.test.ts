/** The flow of a judgement: what AWS's documentation tells, and what must hold for every policy. */
import { describe, expect, test } from 'vitest';
import { judge } from './judge.ts';
import type { PolicyDocument, Statement } from './policy-document.ts';
import { readPolicy } from './policy-document.ts';

const account = '123456789012';
const user = (name: string, of = account) => ({ arn: `arn:aws:iam::${of}:user/${name}`, account: of });
const role = { arn: `arn:aws:iam::${account}:role/examplerole`, account };
const session = {
  arn: `arn:aws:sts::${account}:assumed-role/examplerole/examplerolesessionname`,
  role: role.arn,
  account,
};
const policy = (...Statement: readonly unknown[]): PolicyDocument => readPolicy({ Version: '2012-10-17', Statement });
const allow = (Action: string, Resource = '*'): Statement =>
  ({ Effect: 'Allow', Action, Resource }) as unknown as Statement;
const allows = (Action: string, Resource = '*') => policy(allow(Action, Resource));

describe('one account', () => {
  const carlos = policy(
    {
      Sid: 'AllowS3ListRead',
      Effect: 'Allow',
      Action: ['s3:GetBucketLocation', 's3:GetAccountPublicAccessBlock', 's3:ListAccessPoints', 's3:ListAllMyBuckets'],
      Resource: 'arn:aws:s3:::*',
    },
    {
      Sid: 'AllowS3Self',
      Effect: 'Allow',
      Action: 's3:*',
      Resource: ['arn:aws:s3:::carlossalazar/*', 'arn:aws:s3:::carlossalazar'],
    },
    { Sid: 'DenyS3Logs', Effect: 'Deny', Action: 's3:*', Resource: 'arn:aws:s3:::*log*' },
  );
  const bucket = policy({
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${account}:user/carlossalazar` },
    Action: 's3:*',
    Resource: ['arn:aws:s3:::carlossalazar/*', 'arn:aws:s3:::carlossalazar'],
  });
  const put = (name: string) => ({
    action: 's3:PutObject',
    resource: `arn:aws:s3:::${name}/file`,
    resourceAccount: account,
    principal: user('carlossalazar'),
  });

  test("denies what a statement denies: AWS's example of a bucket for logs", () => {
    expect(judge(put('carlossalazar-logs'), { identity: [carlos] })).toEqual({
      allowed: false,
      because: 'explicit deny',
      statement: 'identity: DenyS3Logs',
    });
  });

  test('allows what the identity or the bucket allows', () => {
    expect(judge(put('carlossalazar'), { identity: [carlos] })).toMatchObject({
      because: 'identity',
      statement: 'identity: AllowS3Self',
    });
    expect(judge(put('carlossalazar'), { identity: [], resource: bucket })).toMatchObject({
      because: 'resource policy',
      statement: 'resource policy: statement 1',
    });
    expect(judge(put('carlossalazar'), { identity: [carlos], resource: bucket })).toMatchObject({ allowed: true });
    expect(judge(put('other'), { identity: [carlos], resource: bucket })).toEqual({
      allowed: false,
      because: 'no allow in identity',
    });
  });

  const reports = policy(
    { Sid: 'AllowGetList', Effect: 'Allow', Action: ['iam:Get*', 'iam:List*'], Resource: '*' },
    { Sid: 'DenyReports', Effect: 'Deny', Action: 'iam:*Report', Resource: '*' },
  );
  test.each([
    ['iam:GetUser', true, 'identity'],
    ['iam:CreatePolicy', false, 'no allow in identity'],
    ['iam:GetOrganizationsAccessReport', false, 'explicit deny'],
    ['iam:GenerateCredentialReport', false, 'explicit deny'],
  ])("%s of AWS's example of reports: %s, %s", (action, allowed, because) => {
    expect(judge({ action, resource: '*', principal: user('x') }, { identity: [reports] })).toMatchObject({
      allowed,
      because,
    });
  });

  test.each([
    ['s3:GetObject', undefined, true, 'identity'],
    ['s3:GetObject', 's3:*', true, 'identity'],
    ['s3:GetObject', 'ec2:*', false, 'boundary'],
    ['iam:CreateUser', 's3:*', false, 'boundary'],
  ])('%s within the boundary %s: %s, %s', (action, within, allowed, because) => {
    const boundary = within === undefined ? {} : { boundary: allows(within) };
    const verdict = judge({ action, resource: '*', principal: role }, { identity: [allows('*')], ...boundary });
    expect(verdict).toMatchObject({ allowed, because });
  });

  test('a session has what its role and its session policy both allow', () => {
    const request = { action: 's3:GetObject', resource: '*', principal: session };
    const identity = [allows('s3:*')];
    expect(judge(request, { identity, session: allows('s3:GetObject') })).toMatchObject({ allowed: true });
    expect(judge(request, { identity, session: allows('s3:PutObject') })).toMatchObject({ because: 'session' });
    expect(judge(request, { identity: [], session: allows('s3:*') })).toMatchObject({
      because: 'no allow in identity',
    });
  });

  const deny = policy({ Sid: 'No', Effect: 'Deny', Action: '*', Resource: '*' });
  test.each(['identity', 'boundary', 'session', 'resource', 'endpoint'] as const)('a deny of %s wins', layer => {
    const everybody = policy({ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' });
    const denyAll = policy({ Sid: 'No', Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' });
    const all = { identity: [allows('*')], boundary: allows('*'), session: allows('*') };
    const policies = { ...all, resource: everybody, endpoint: everybody };
    const request = { action: 's3:GetObject', resource: '*', principal: session };
    expect(judge(request, policies)).toMatchObject({ allowed: true });
    const denied = {
      identity: [allows('*'), deny],
      boundary: deny,
      session: deny,
      resource: denyAll,
      endpoint: denyAll,
    };
    expect(judge(request, { ...policies, [layer]: denied[layer] })).toMatchObject({
      allowed: false,
      because: 'explicit deny',
      statement: expect.stringMatching(/: No$/),
    });
  });

  test('what passes an endpoint is allowed by its policy too', () => {
    const endpoint = policy({ Effect: 'Allow', Principal: '*', Action: 'lambda:InvokeFunction', Resource: '*' });
    const ask = (action: string) =>
      judge({ action, resource: '*', principal: session }, { identity: [allows('*')], endpoint });
    expect(ask('lambda:InvokeFunction')).toMatchObject({ allowed: true });
    expect(ask('lambda:GetFunction')).toMatchObject({ allowed: false, because: 'endpoint' });
  });
});

/** The table "Resource-based policies and implicit denies in other policy types (same account)". */
describe("who a resource's policy names", () => {
  const narrow = { boundary: allows('ec2:*'), session: allows('ec2:*') };
  const names = (AWS: string) => policy({ Effect: 'Allow', Principal: { AWS }, Action: 's3:*', Resource: '*' });
  const request = (principal: typeof session | ReturnType<typeof user>) => ({
    action: 's3:GetObject',
    resource: 'arn:aws:s3:::bucket/key',
    resourceAccount: account,
    principal,
  });

  test.each([
    ['the session', session.arn, 'nothing', true, 'resource policy'],
    ['the session', session.arn, 'boundary', true, 'resource policy'],
    ['the session', session.arn, 'session', true, 'resource policy'],
    ['everybody', '*', 'boundary', true, 'resource policy'],
    ['the role', role.arn, 'nothing', true, 'resource policy'],
    ['the role', role.arn, 'boundary', false, 'boundary'],
    ['the role', role.arn, 'session', false, 'session'],
    ['the account', account, 'nothing', false, 'no allow in identity'],
    ['the account', `arn:aws:iam::${account}:root`, 'nothing', false, 'no allow in identity'],
    ['another role', `${role.arn}2`, 'nothing', false, 'no allow in identity'],
  ] as const)('%s (%s), limited by %s: %s, %s', (_, name, limit, allowed, because) => {
    const limits = limit === 'nothing' ? {} : { [limit]: narrow[limit] };
    expect(judge(request(session), { identity: [], resource: names(name), ...limits })).toMatchObject({
      allowed,
      because,
    });
  });

  test('a user it names is not limited by his boundary', () => {
    const policies = { identity: [], boundary: narrow.boundary, resource: names(user('x').arn) };
    expect(judge(request(user('x')), policies)).toMatchObject({ allowed: true });
    expect(judge(request(user('y')), policies)).toMatchObject({ allowed: false });
  });

  test('a role stands for its sessions, a session for itself only', () => {
    expect(judge(request({ ...role, role: role.arn }), { identity: [], resource: names(session.arn) })).toMatchObject({
      allowed: false,
    });
    expect(judge(request(session), { identity: [], resource: names(`${session.arn}2`) })).toMatchObject({
      allowed: false,
    });
  });

  test('a service needs it, and the circumstances it asks for', () => {
    const resource = policy({
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'lambda:InvokeFunction',
      Resource: '*',
      Condition: { ArnLike: { 'AWS:SourceArn': `arn:aws:events:eu-west-1:${account}:rule/mine` } },
    });
    const ask = (service: string, rule: string, more: object = { resource }) =>
      judge(
        {
          action: 'lambda:InvokeFunction',
          resource: `arn:aws:lambda:eu-west-1:${account}:function:keeper:live`,
          context: { 'aws:SourceArn': `arn:aws:events:eu-west-1:${account}:rule/${rule}` },
          principal: { service },
        },
        { identity: [], ...more },
      );
    expect(ask('events.amazonaws.com', 'mine')).toMatchObject({ allowed: true, because: 'resource policy' });
    expect(ask('s3.amazonaws.com', 'mine')).toMatchObject({ because: 'no allow in resource policy' });
    expect(ask('events.amazonaws.com', 'theirs')).toMatchObject({ because: 'no allow in resource policy' });
    expect(ask('events.amazonaws.com', 'mine', {})).toMatchObject({ because: 'no allow in resource policy' });
  });

  test("a key's policy has the last word", () => {
    const request = {
      action: 'kms:GenerateMac',
      resource: `arn:aws:kms:eu-west-1:${account}:key/1234`,
      principal: session,
    };
    const key = (AWS: string) => policy({ Effect: 'Allow', Principal: { AWS }, Action: 'kms:*', Resource: '*' });
    const identity = [allows('kms:GenerateMac')];
    expect(judge(request, { identity })).toMatchObject({ because: 'no allow in resource policy' });
    expect(judge(request, { identity, resource: key(account) })).toMatchObject({ because: 'identity' });
    expect(judge(request, { identity: [], resource: key(account) })).toMatchObject({ because: 'no allow in identity' });
    expect(judge(request, { identity: [], resource: key(role.arn) })).toMatchObject({ because: 'resource policy' });
    expect(judge(request, { identity, resource: key(`${role.arn}2`) })).toMatchObject({ allowed: false });
  });
});

describe("two accounts: AWS's example of Production", () => {
  const [trusted, trusting] = ['111111111111', '222222222222'];
  const identity = [
    policy(
      { Sid: 'AllowS3ListRead', Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' },
      {
        Sid: 'AllowS3ProductionObjectActions',
        Effect: 'Allow',
        Action: 's3:*Object*',
        Resource: 'arn:aws:s3:::Production/*',
      },
      {
        Sid: 'DenyS3Logs',
        Effect: 'Deny',
        Action: 's3:*',
        Resource: ['arn:aws:s3:::*log*', 'arn:aws:s3:::*log*/*'],
      },
    ),
  ];
  const resource = policy({
    Effect: 'Allow',
    Action: ['s3:GetObject*', 's3:PutObject*', 's3:ReplicateObject', 's3:RestoreObject'],
    Principal: { AWS: user('carlossalazar', trusted).arn },
    Resource: 'arn:aws:s3:::Production/*',
  });
  const request = {
    action: 's3:PutObject',
    resource: 'arn:aws:s3:::Production/file',
    resourceAccount: trusting,
    principal: user('carlossalazar', trusted),
  };

  test('needs both', () => {
    expect(judge(request, { identity, resource })).toMatchObject({ allowed: true, because: 'identity' });
    expect(judge(request, { identity })).toMatchObject({ because: 'no allow in resource policy' });
    expect(judge(request, { identity: [], resource })).toMatchObject({ because: 'no allow in identity' });
  });

  test('denies a bucket for logs, and an action that only one side knows', () => {
    const logs = { ...request, resource: 'arn:aws:s3:::Production-logs/file' };
    expect(judge(logs, { identity })).toMatchObject({ because: 'explicit deny' });
    const remove = { ...request, action: 's3:DeleteObject' };
    expect(judge(remove, { identity, resource })).toMatchObject({ because: 'no allow in resource policy' });
  });

  test('whose bucket it is decides', () => {
    expect(judge({ ...request, resourceAccount: trusted }, { identity })).toMatchObject({ allowed: true });
  });

  test.each(['boundary', 'session'] as const)('a %s limits what the other account allows', limit => {
    expect(judge(request, { identity, resource, [limit]: allows('ec2:*') })).toMatchObject({ because: limit });
  });
});

describe('throws rather than guess', () => {
  const request = { action: 's3:GetObject', resource: '*', principal: user('x') };
  const identity = [allows('*')];
  test.each([
    ['an action with a wildcard', { action: 's3:Get*' }, {}],
    ['whose bucket?', { resource: 'arn:aws:s3:::bucket/key' }, {}],
    [
      'an account that is not the ARN’s',
      { resource: `arn:aws:sqs:eu-west-1:${account}:q`, resourceAccount: '999999999999' },
      {},
    ],
    ['a session of which role?', { principal: { arn: session.arn, account } }, {}],
    ['the root of an account', { principal: { arn: `arn:aws:iam::${account}:root`, account } }, {}],
    ['a key that AWS itself sets', { context: { 'AWS:PrincipalArn': 'x' } }, {}],
    ['policies of a service', { principal: { service: 's3.amazonaws.com' } }, {}],
    ['a principal in an identity policy', {}, { boundary: policy({ ...allow('*'), Principal: '*' }) }],
    ['none in a resource policy', {}, { resource: allows('*') }],
    ['part of a principal', {}, { resource: policy({ ...allow('*'), Principal: { AWS: `${role.arn}*` } }) }],
    ['a canonical user', {}, { resource: policy({ ...allow('*'), Principal: { CanonicalUser: 'x' } }) }],
    ['no resource', {}, { session: policy({ Effect: 'Allow', Action: '*' }) }],
    ['an action that is none', {}, { session: allows('s3') }],
    ['part of a service', {}, { session: allows('s*:Get*') }],
    ['a resource that is no ARN', {}, { session: allows('*', 'bucket') }],
  ])('%s', (_, other, policies) => {
    expect(() => judge({ ...request, ...other }, { identity, ...policies })).toThrow();
  });

  test('and judges the same request without that', () => {
    expect(judge(request, { identity, session: allows('*') })).toMatchObject({ allowed: true });
  });
});
