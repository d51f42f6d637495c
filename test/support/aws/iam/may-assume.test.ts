import { describe, expect, test } from 'vitest';
import { mayAssume } from './may-assume.ts';
import { readPolicy } from './policy-document.ts';

const account = '123456789012';
const role = `arn:aws:iam::${account}:role/target`;
const policy = (...Statement: readonly object[]) => readPolicy({ Version: '2012-10-17', Statement });

describe("AWS's example of session tags", () => {
  const principal = { arn: `arn:aws:iam::${account}:user/test-session-tags`, account };
  const Principal = { AWS: principal.arn };
  const trust = policy(
    {
      Sid: 'AllowIamUserAssumeRole',
      Effect: 'Allow',
      Action: 'sts:AssumeRole',
      Principal,
      Condition: {
        StringLike: {
          'aws:RequestTag/Project': '*',
          'aws:RequestTag/CostCenter': '*',
          'aws:RequestTag/Department': '*',
        },
        StringEquals: { 'sts:ExternalId': 'Example987' },
      },
    },
    {
      Sid: 'AllowPassSessionTagsAndTransitive',
      Effect: 'Allow',
      Action: 'sts:TagSession',
      Principal,
      Condition: {
        StringLike: { 'aws:RequestTag/Project': '*', 'aws:RequestTag/CostCenter': '*' },
        StringEquals: { 'aws:RequestTag/Department': ['Engineering', 'Marketing'] },
        'ForAllValues:StringEquals': { 'sts:TransitiveTagKeys': ['Project', 'Department'] },
      },
    },
  );
  const tags = { Project: 'Automation', CostCenter: '12345', Department: 'Engineering' };
  const good = { tags, externalId: 'Example987', transitiveTagKeys: ['Project', 'Department'] };
  const ask = (session: object) =>
    mayAssume({ principal, role, session: { ...good, ...session } }, { identity: [], resource: trust });

  test.each([
    ['all of it', {}, true, 'sts:AssumeRole'],
    ['no transitive tag', { transitiveTagKeys: [] }, true, 'sts:AssumeRole'],
    ['a further tag', { tags: { ...tags, Further: 'x' } }, true, 'sts:AssumeRole'],
    ['another external id', { externalId: 'x' }, false, 'sts:AssumeRole'],
    ['one tag only', { tags: { Project: 'x' } }, false, 'sts:AssumeRole'],
    ['another department', { tags: { ...tags, Department: 'Sales' } }, false, 'sts:TagSession'],
    ['another transitive tag', { transitiveTagKeys: ['CostCenter'] }, false, 'sts:TagSession'],
    ['a source identity', { sourceIdentity: 'x' }, false, 'sts:SetSourceIdentity'],
  ])('%s: %s', (_, session, allowed, action) => {
    expect(ask(session)).toMatchObject({ allowed, action });
  });
});

describe('a role that assumes another', () => {
  const door = { arn: `arn:aws:iam::${account}:role/door`, account };
  const actions = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'];
  const trust = (Action: readonly string[], AWS = door.arn) => policy({ Effect: 'Allow', Principal: { AWS }, Action });
  const may = (Action: readonly string[], Resource = role) => [policy({ Effect: 'Allow', Action, Resource })];
  const session = { name: 'r_1', sourceIdentity: 'r_1', tags: { path: 'prod/vpc' } };
  const ask = (identity: ReturnType<typeof may>, resource = trust(actions), principal = door) =>
    mayAssume({ principal, role, session }, { identity, resource });

  test('may, where both say so', () => {
    expect(ask(may(actions))).toMatchObject({ allowed: true });
    expect(ask(may(actions), trust(actions, account))).toMatchObject({ allowed: true });
  });

  test('needs its own word for a source identity only, where the trust names it', () => {
    expect(ask(may(['sts:SetSourceIdentity']))).toMatchObject({ allowed: true });
    expect(ask([])).toMatchObject({ action: 'sts:SetSourceIdentity', because: 'no allow in identity' });
  });

  test('needs it for everything where the trust names its account', () => {
    expect(ask(may(actions.slice(1)), trust(actions, account))).toMatchObject({
      action: 'sts:AssumeRole',
      because: 'no allow in identity',
    });
  });

  test.each(actions)('does not without %s in the trust', action => {
    const others = actions.filter(one => one !== action);
    expect(ask(may(actions), trust(others))).toMatchObject({ action, because: 'no allow in resource policy' });
  });

  test('does not where the trust names another, or nobody', () => {
    expect(ask(may(actions), trust(actions, `${door.arn}2`))).toMatchObject({ allowed: false });
    expect(mayAssume({ principal: door, role }, { identity: may(['sts:*'], '*') })).toMatchObject({
      because: 'no allow in resource policy',
    });
  });

  test('needs both over two accounts', () => {
    const other = { arn: 'arn:aws:iam::999999999999:role/door', account: '999999999999' };
    expect(ask(may(actions), trust(actions, other.arn), other)).toMatchObject({ allowed: true });
    expect(ask([], trust(actions, other.arn), other)).toMatchObject({ because: 'no allow in identity' });
  });
});

test('a service assumes only where the trust names it', () => {
  const trust = policy({ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' });
  const ask = (service: string) => mayAssume({ principal: { service }, role }, { identity: [], resource: trust });
  expect(ask('lambda.amazonaws.com')).toMatchObject({ allowed: true });
  expect(ask('ecs-tasks.amazonaws.com')).toMatchObject({ allowed: false });
});

test('a web identity needs its provider and its claims', () => {
  const provider = `arn:aws:iam::${account}:oidc-provider/gitlab.example.com`;
  const trust = policy({
    Effect: 'Allow',
    Principal: { Federated: provider },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: { 'gitlab.example.com:aud': 'https://deployer.example.com' },
      StringLike: { 'gitlab.example.com:sub': 'project_path:acme/infra:*' },
    },
  });
  const ask = (sub: string, federated = provider) =>
    mayAssume(
      {
        principal: { federated },
        role,
        context: { 'gitlab.example.com:aud': 'https://deployer.example.com', 'gitlab.example.com:sub': sub },
      },
      { identity: [], resource: trust },
    );
  expect(ask('project_path:acme/infra:ref_type:branch:ref:main')).toMatchObject({
    allowed: true,
    action: 'sts:AssumeRoleWithWebIdentity',
  });
  expect(ask('project_path:acme/infra2:ref_type:branch:ref:main')).toMatchObject({ allowed: false });
  expect(ask('project_path:acme/infra:x', `${provider}2`)).toMatchObject({ allowed: false });
});
