/** What a run is left of its role, by AWS's own rules: every policy made here is put before the judge. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { roleSessionPolicy, secretsSessionPolicy } from '../../../invoker/aws/session-policies.ts';
import type { Repository } from '../../../policies/allowlist.ts';
import type { Command } from '../../../policies/contract/request.ts';
import { canonicalPath } from '../../../policies/path.ts';
import { matches, parsePattern } from '../../../policies/pattern.ts';
import { judge } from '../../support/aws/iam/judge.ts';
import { type PolicyDocument, readPolicy } from '../../support/aws/iam/policy-document.ts';
import { policyFrom } from '../../support/policy.ts';
import { value } from '../../support/value.ts';

const account = '222222222222';
const role = `arn:aws:iam::${account}:role/tf-plan`;
const principal = { arn: `arn:aws:sts::${account}:assumed-role/tf-plan/r_1`, role, account };
const everything = readPolicy({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } });

/** Of a role that may do everything, the session may do it. */
const may = (session: string, action: string, resource: string, more: { resource?: PolicyDocument } = {}): boolean =>
  judge(
    { action, resource, resourceAccount: account, principal },
    { identity: [everything], session: readPolicy(session), ...more },
  ).allowed;
describe('secretsSessionPolicy', () => {
  const secret = (name: string) => `arn:aws:secretsmanager:eu-west-1:${account}:secret:${name}`;
  const full = secret('infra-live-AbC123');
  const mayGet = (arns: readonly string[], arn: string) =>
    may(value(secretsSessionPolicy(arns)), 'secretsmanager:GetSecretValue', arn);

  test.each([
    [full, full, true],
    [full, secret('infra-live-XyZ789'), false],
    [full, secret('infra-live-AbC123-XyZ789'), false],
    [secret('infra-live'), full, true],
    [secret('infra-live'), secret('infra-live-2-AbC123'), false],
    [secret('infra-live'), secret('infra-AbC123'), false],
    [secret('team/app.key+x'), secret('team/app.key+x-AbC123'), true],
    [secret('team/app.key+x'), secret('team/appxkey+x-AbC123'), false],
  ])('%s: %s, %s', (named, asked, expected) => {
    expect(mayGet([named], asked)).toBe(expected);
    expect(mayGet([secret('other-Zzzz99'), named], asked)).toBe(expected);
  });

  test.each([
    'secretsmanager:PutSecretValue',
    'secretsmanager:DescribeSecret',
    'secretsmanager:UpdateSecretVersionStage',
    's3:GetObject',
    'sts:AssumeRole',
  ])('does not leave %s', action => {
    expect(may(value(secretsSessionPolicy([full])), action, full)).toBe(false);
  });

  test('decrypts what Secrets Manager encrypted for them, and nothing else', () => {
    const policy = value(secretsSessionPolicy([secret('infra-live')]));
    const decrypt = (secretArn?: string) =>
      judge(
        {
          action: 'kms:Decrypt',
          resource: `arn:aws:kms:eu-west-1:${account}:key/1`,
          context: secretArn === undefined ? {} : { 'kms:EncryptionContext:SecretARN': secretArn },
          principal,
        },
        { identity: [everything], session: readPolicy(policy), resource: keyPolicy },
      ).allowed;
    expect(decrypt(full)).toBe(true);
    expect(decrypt(secret('other-AbC123'))).toBe(false);
    expect(decrypt()).toBe(false);
  });
  const keyPolicy = readPolicy({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Principal: { AWS: account }, Action: 'kms:*', Resource: '*' },
  });

  test.each([
    [[]],
    [['infra-live']],
    [['file:/etc/key']],
    [[full, secret('*')]],
    [[secret('a?')]],
    [[secret('${aws:PrincipalTag/x}')]],
    [[`${full}\n`]],
    [[full.replace('secretsmanager', 'ssm')]],
  ])('refuses %j', secrets => {
    expect(secretsSessionPolicy(secrets)).toMatchObject({ ok: false, problem: { code: 'E_CREDENTIALS' } });
  });

  test('refuses more than AWS takes', () => {
    const many = Array.from({ length: 20 }, (_, at) => secret(`infra-live-number-${at}-AbC123`));
    expect(secretsSessionPolicy(many.slice(0, 5))).toMatchObject({ ok: true });
    expect(secretsSessionPolicy(many)).toMatchObject({
      problem: { code: 'E_CREDENTIALS', message: expect.stringMatching(/takes \d{4} characters/) },
    });
  });
});

interface Stack {
  readonly paths: readonly string[];
  readonly backend?: object;
  readonly reads?: readonly string[];
}

const repositoryOf = (...stacks: readonly Stack[]): Repository => repositoryCalled('infra-live', ...stacks);

function repositoryCalled(name: string, ...stacks: readonly Stack[]): Repository {
  const policy = policyFrom({
    version: 1,
    repositories: {
      [name]: {
        url: `git@gitlab.example.com:acme/${name}.git`,
        deploy_key: 'file:/etc/infra-deployer/key',
        known_hosts: 'gitlab.example.com ssh-ed25519 AAAA',
        rules: [{ name: 'all', allow: ['plan', 'apply'], refs: ['refs/heads/main'], paths: ['**'] }],
        stacks,
      },
    },
  });
  const [repository] = policy.repositories.values();
  if (repository === undefined) throw new Error('no repository');
  return repository;
}

const s3 = (key = '{path}/terraform.tfstate', bucket = 'acme-tfstate') => ({ type: 's3', config: { bucket, key } });
/** Of the first repository, in a policy that has them all. */
const sessionOf = (of: Repository | readonly Repository[], command: Command, path = 'prod/app', partition = 'aws') => {
  const all = [of].flat();
  const [repository] = all;
  if (repository === undefined) throw new Error('no repository');
  const policy = { repositories: new Map(all.map(one => [one.name, one])) };
  return roleSessionPolicy({ policy, repository, path: value(canonicalPath(path)), command, partition });
};
const policyOf = (...given: Parameters<typeof sessionOf>): string => {
  const policy = value(sessionOf(...given));
  if (policy === undefined) throw new Error('no session policy');
  return policy;
};
const object = (key: string, bucket = 'acme-tfstate') => `arn:aws:s3:::${bucket}/${key}`;

describe('roleSessionPolicy', () => {
  const simple = repositoryOf({ paths: ['**'], backend: s3() }, { paths: ['prod/app'], reads: ['network/**', 'dns'] });
  const own = object('prod/app/terraform.tfstate');

  test.each<[action: string, resource: string, plan: boolean, apply: boolean]>([
    ['s3:GetObject', own, true, true],
    ['s3:PutObject', own, false, true],
    ['s3:DeleteObject', own, false, false],
    ['s3:GetObjectVersion', own, false, false],
    ['s3:PutObjectAcl', own, false, false],
    ['s3:GetObject', `${own}.tflock`, false, true],
    ['s3:PutObject', `${own}.tflock`, false, true],
    ['s3:DeleteObject', `${own}.tflock`, false, true],
    ['s3:GetObject', object('prod/app2/terraform.tfstate'), false, false],
    ['s3:GetObject', object('prod/other/terraform.tfstate'), false, false],
    ['s3:PutObject', object('prod/other/terraform.tfstate'), false, false],
    ['s3:GetObject', object('network/terraform.tfstate'), true, true],
    ['s3:GetObject', object('network/eu/vpc/terraform.tfstate'), true, true],
    ['s3:GetObject', object('networks/terraform.tfstate'), false, false],
    ['s3:GetObject', object('dns/terraform.tfstate'), true, true],
    ['s3:GetObject', object('dns/eu/terraform.tfstate'), false, false],
    ['s3:PutObject', object('network/terraform.tfstate'), false, false],
    ['s3:GetObjectVersion', object('network/terraform.tfstate'), false, false],
    ['s3:GetObject', object('network/terraform.tfstate.tflock'), false, false],
    ['s3:ListBucket', 'arn:aws:s3:::acme-tfstate', true, true],
    ['s3:GetBucketLocation', 'arn:aws:s3:::acme-tfstate', true, true],
    ['s3:PutBucketPolicy', 'arn:aws:s3:::acme-tfstate', false, false],
    ['s3:PutReplicationConfiguration', 'arn:aws:s3:::acme-tfstate', false, false],
    [
      's3:GetObject',
      `arn:aws:s3:eu-west-1:${account}:accesspoint/mine/object/prod/other/terraform.tfstate`,
      false,
      false,
    ],
    ['s3:GetObject', object('any', 'acme-website'), true, true],
    ['s3:PutBucketPolicy', 'arn:aws:s3:::acme-website', true, true],
    ['s3:GetObject', object('prod/other/terraform.tfstate', 'acme-tfstate-2'), true, true],
    ['ec2:RunInstances', '*', true, true],
    ['iam:CreateRole', `arn:aws:iam::${account}:role/x`, true, true],
  ])('%s on %s: plan %s, apply %s', (action, resource, plan, apply) => {
    expect(may(policyOf(simple, 'plan'), action, resource)).toBe(plan);
    expect(may(policyOf(simple, 'apply'), action, resource)).toBe(apply);
  });

  test('denies outright what it can, so that no bucket policy gives it back', () => {
    const generous = readPolicy({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: '*' },
    });
    const still = (command: Command, action: string, resource: string) =>
      may(policyOf(simple, command), action, resource, { resource: generous });
    expect(still('plan', 's3:PutObject', own)).toBe(false);
    expect(still('plan', 's3:PutObject', object('prod/other/terraform.tfstate'))).toBe(false);
    expect(still('apply', 's3:GetObjectVersion', object('prod/other/terraform.tfstate'))).toBe(false);
    expect(still('apply', 's3:DeleteBucket', 'arn:aws:s3:::acme-tfstate')).toBe(false);
    // The one thing it cannot: one key of many. Told to admins in the README.
    expect(still('plan', 's3:GetObject', object('prod/other/terraform.tfstate'))).toBe(true);
  });

  test('says it in the terms of another partition', () => {
    expect(policyOf(simple, 'plan', 'prod/app', 'aws-cn')).toContain('arn:aws-cn:s3:::acme-tfstate/prod/app/');
    expect(policyOf(simple, 'plan', 'prod/app', 'aws-cn')).not.toContain('arn:aws:');
  });

  test('closes the other buckets of the repository too, and opens their keys by `reads`', () => {
    const two = repositoryOf(
      { paths: ['prod/**'], backend: s3('{repo}/{path}.tfstate'), reads: ['network/**'] },
      { paths: ['network/**'], backend: s3('{path}', 'acme-network') },
      { paths: ['staging/**'], backend: s3('{path}', 'acme-staging') },
    );
    const plan = policyOf(two, 'plan');
    const mayGet = (key: string, bucket: string) => may(plan, 's3:GetObject', object(key, bucket));
    expect(mayGet('infra-live/prod/app.tfstate', 'acme-tfstate')).toBe(true);
    expect(mayGet('infra-live/prod/other.tfstate', 'acme-tfstate')).toBe(false);
    expect(mayGet('network/eu', 'acme-network')).toBe(true);
    expect(mayGet('dns', 'acme-network')).toBe(false);
    expect(mayGet('staging/app', 'acme-staging')).toBe(false);
    expect(mayGet('infra-live/network/eu.tfstate', 'acme-tfstate')).toBe(false);
  });

  test("a key's own wildcards are none", () => {
    const odd = repositoryOf({ paths: ['**'], backend: s3('st*te?/{path}') });
    expect(may(policyOf(odd, 'plan'), 's3:GetObject', object('st*te?/prod/app'))).toBe(true);
    expect(may(policyOf(odd, 'plan'), 's3:GetObject', object('state1/prod/app'))).toBe(false);
  });

  const http = { type: 'http', config: { address: 'https://state.example.com/{path}' } };

  test("leaves the role as it is where nobody's state is in S3", () => {
    const other = repositoryCalled('other', { paths: ['**'], backend: http });
    const inHttp = repositoryOf({ paths: ['**'], backend: http, reads: ['network/*'] });
    expect(sessionOf([inHttp, other], 'plan')).toEqual({ ok: true, value: undefined });
  });

  describe('where a role may be shared', () => {
    const other = repositoryCalled(
      'other',
      { paths: ['prod/**'], backend: s3('{path}', 'other-tfstate') },
      { paths: ['lab/**'], backend: http },
    );
    const theirs = object('prod/app', 'other-tfstate');
    const generous = readPolicy({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: '*' },
    });

    test.each<Command>(['plan', 'apply'])("%s reaches no other repository's states, but what else it may", command => {
      const session = policyOf([simple, other], command);
      for (const action of ['s3:GetObject', 's3:PutObject', 's3:GetObjectVersion'])
        expect(may(session, action, theirs, { resource: generous })).toBe(false);
      for (const action of ['s3:ListBucket', 's3:PutBucketPolicy'])
        expect(may(session, action, 'arn:aws:s3:::other-tfstate', { resource: generous })).toBe(false);
      expect(may(session, 's3:GetObject', own)).toBe(true);
      expect(may(session, 's3:GetObject', object('any', 'acme-website'))).toBe(true);
    });

    test.each<Command>(['plan', 'apply'])('%s of a stack whose state is elsewhere reaches none at all', command => {
      const session = policyOf([other, simple], command, 'lab/app');
      for (const state of [own, theirs])
        for (const action of ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'])
          expect(may(session, action, state, { resource: generous }), `${action} ${state}`).toBe(false);
      expect(may(session, 's3:PutObject', object('any', 'acme-website'))).toBe(true);
      expect(may(session, 'ec2:RunInstances', '*')).toBe(true);
    });

    test('such a stack reads what `reads` says, and no more', () => {
      const reading = repositoryOf(
        { paths: ['network/**'], backend: s3() },
        { paths: ['lab/**'], backend: http, reads: ['network/**'] },
      );
      const session = policyOf([reading, other], 'apply', 'lab/app');
      expect(may(session, 's3:GetObject', object('network/eu/terraform.tfstate'))).toBe(true);
      expect(may(session, 's3:PutObject', object('network/eu/terraform.tfstate'))).toBe(false);
      expect(may(session, 's3:GetObject', theirs)).toBe(false);
    });

    test.each<[what: string, theirs: Stack, isTold: boolean]>([
      ['the same keys for what is read', { paths: ['network/**'], backend: s3() }, false],
      ['the same keys for other paths', { paths: ['dev/**'], backend: s3() }, true],
      ['keys that may be the same', { paths: ['**'], backend: s3('network/{path}') }, false],
      ['keys that never are', { paths: ['**'], backend: s3('{path}', 'acme-network') }, true],
      [
        'a bucket that is left to the repository',
        { paths: ['**'], backend: { type: 's3', config: { key: 'a' } } },
        false,
      ],
    ])('reads beside another repository with %s: %s', (_, stack, isTold) => {
      const answer = sessionOf([simple, repositoryCalled('other', stack)], 'plan');
      expect(answer).toMatchObject(isTold ? { ok: true } : { problem: { code: 'E_CREDENTIALS' } });
    });

    test('keys in one bucket that begin with the repository are apart', () => {
      const mine = repositoryOf({ paths: ['**'], backend: s3('{repo}/{path}'), reads: ['network/**'] });
      const session = policyOf(
        [mine, repositoryCalled('other', { paths: ['**'], backend: s3('{repo}/{path}') })],
        'plan',
      );
      const mayGet = (key: string) => may(session, 's3:GetObject', object(key));
      expect(['infra-live/network/eu', 'other/network/eu', 'other/prod/app'].map(mayGet)).toEqual([true, false, false]);
    });
  });

  test.each<[what: string, stacks: readonly Stack[]]>([
    ['no backend', [{ paths: ['prod/**'] }]],
    ['no bucket', [{ paths: ['**'], backend: { type: 's3', config: { key: '{path}' } } }]],
    ['no key', [{ paths: ['**'], backend: { type: 's3', config: { bucket: 'acme' } } }]],
    [
      'no key of another stack',
      [
        { paths: ['prod/**'], backend: s3() },
        { paths: ['dns'], backend: { type: 's3', config: { bucket: 'acme-tfstate' } } },
      ],
    ],
    ['a bucket named after the path', [{ paths: ['**'], backend: s3('state', 'acme-{path}') }]],
    ['a bucket with a wildcard', [{ paths: ['**'], backend: s3('state', 'acme-*') }]],
    ['a bucket that is an ARN', [{ paths: ['**'], backend: s3('s', 'arn:aws:s3:eu-west-1:1:accesspoint/x') }]],
    ['a star inside a segment of `reads`', [{ paths: ['**'], backend: s3(), reads: ['network/*'] }]],
    ['part of a segment of `reads`', [{ paths: ['**'], backend: s3(), reads: ['net*/vpc'] }]],
    [
      '`reads` where keys are made in two ways',
      [
        { paths: ['prod/**'], backend: s3(), reads: ['network/**'] },
        { paths: ['network/**'], backend: s3('prod/{path}') },
      ],
    ],
    ['letters AWS does not take', [{ paths: ['**'], backend: s3('{path}/状態') }]],
    [
      'more than AWS takes',
      [{ paths: ['**'], backend: s3(), reads: Array.from({ length: 30 }, (_, at) => `network/region-${at}/**`) }],
    ],
  ])('refuses %s', (_, stacks) => {
    expect(sessionOf(repositoryOf(...stacks), 'plan')).toMatchObject({
      ok: false,
      problem: { code: 'E_CREDENTIALS', fix: expect.any(String) },
    });
  });

  test('does not mind two ways of making keys where nothing is read', () => {
    const two = repositoryOf({ paths: ['prod/**'], backend: s3() }, { paths: ['network/**'], backend: s3('n/{path}') });
    expect(sessionOf(two, 'plan')).toMatchObject({ ok: true });
  });
});

test('a plan reads the state of a stack exactly when it is its own or one that `reads` matches', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', 'a.b');
  const paths = fc.array(segment, { minLength: 1, maxLength: 4 }).map(segments => segments.join('/'));
  const patterns = fc
    .array(fc.oneof(segment, fc.constant('**')), { minLength: 1, maxLength: 4 })
    .map(segments => segments.join('/'));
  const keys = fc.constantFrom('{path}/terraform.tfstate', '{path}', '{repo}/{path}.tfstate', 'x-{path}');
  const seen = { yes: 0, no: 0 };
  fc.assert(
    fc.property(
      paths,
      fc.array(patterns, { minLength: 1, maxLength: 2 }),
      keys,
      fc.array(paths, { minLength: 1 }),
      (path, reads, key, others) => {
        const plan = policyOf(repositoryOf({ paths: ['**'], backend: s3(key), reads }), 'plan', path);
        for (const other of others) {
          const expected =
            other === path ||
            reads.some(read => matches(value(parsePattern(read, 'path')), value(canonicalPath(other))));
          const state = key.replaceAll('{path}', other).replaceAll('{repo}', 'infra-live');
          expect(may(plan, 's3:GetObject', object(state)), `${path} ${reads} ${other}`).toBe(expected);
          seen[expected ? 'yes' : 'no'] += 1;
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(Math.min(seen.yes, seen.no)).toBeGreaterThan(100);
});
