import { Compile } from 'typebox/compile';
import { describe, expect, test } from 'vitest';
import { checkPolicy } from '../../policies/check-policy.ts';
import { StackSchema } from '../../policies/stack-schema.ts';

const schema = Compile(StackSchema);
const takes = (setting: object): boolean => schema.Check({ paths: ['**'], ...setting });

describe('an entry of `stacks`', () => {
  test.each([
    'hashicorp/*',
    'hashicorp/aws',
    'registry.example.com/acme/*',
    'registry.example.com:8443/acme/x',
    'localhost/*/*',
  ])('takes the provider %s', provider => {
    expect(takes({ providers: { allow: [provider] } })).toBe(true);
  });

  test.each([
    '*/*',
    '*/*/*',
    'aws',
    'hashicorp/',
    'hashicorp/a*',
    '*/aws',
    'host/*/aws',
    'a/b/c/d',
    'hashicorp/aws"',
    'hashicorp/aws\n',
    'Host/"x"/y',
    '',
  ])('refuses the provider %j', provider => {
    expect(takes({ providers: { allow: [provider] } })).toBe(false);
  });

  test.each(['/srv/providers', 'https://mirror.example.com/', 'https://mirror.example.com:8443/a/b/'])(
    'takes the mirror %s',
    mirror => {
      expect(takes({ providers: { mirror } })).toBe(true);
    },
  );

  test.each([
    'srv',
    '/',
    '/a"b',
    '/a${x}',
    '/a\nb',
    'http://mirror.example.com/',
    'https://mirror.example.com',
    'https://u:p@mirror.example.com/',
    'https://mirror.example.com/?x',
  ])('refuses the mirror %j', mirror => {
    expect(takes({ providers: { mirror } })).toBe(false);
  });

  test.each([
    'git::https://git.example.com/acme/**',
    'git::https://git.example.com/acme/*/modules',
    'git::https://git.example.com/acme/vpc.git',
    'registry.terraform.io/acme/vpc/aws',
    'registry.terraform.io/acme/*/*',
  ])('takes the module source %s', source => {
    expect(takes({ module_sources: [source] })).toBe(true);
  });

  test.each([
    'git::http://git.example.com/acme/**',
    'https://git.example.com/acme',
    'git::ssh://git@git.example.com/acme',
    'git::https://*/acme',
    'git::https://git.example.com/a/../b',
    'git::https://git.example.com/**/b',
    'acme/vpc/aws',
    'registry.terraform.io/acme/**',
    './modules',
  ])('refuses the module source %j', source => {
    expect(takes({ module_sources: [source] })).toBe(false);
  });

  test('refuses rules of the gate that nobody may switch off, and settings without any', () => {
    expect(takes({ gate: { allow: ['external-data', 'hook'] } })).toBe(true);
    for (const setting of [
      { gate: { allow: ['backend'] } },
      { gate: { allow: [] } },
      { gate: {} },
      { providers: {} },
      { limits: {} },
      { lock_file: 'optional' },
      { limits: { memory_mb: 0 } },
      { reads: [] },
      { reads: ['../x'] },
    ])
      expect(takes(setting)).toBe(false);
  });

  test.each([
    'arn:aws:iam::222222222222:role/tf-plan',
    'arn:aws-us-gov:iam::222222222222:role/teams/infra/tf+plan=a,b.c@d_e',
  ])('takes the role %s', role => {
    expect(takes({ plan: { role } })).toBe(true);
  });

  test.each([
    'tf-plan',
    'arn:aws:iam::222222222222:user/tf-plan',
    'arn:aws:sts::222222222222:assumed-role/tf-plan/x',
    'arn:aws:iam::2222:role/tf-plan',
    'arn:aws:iam::222222222222:role/*',
    'arn:aws:iam::222222222222:role/tf-plan\n',
    'arn:evil:iam::222222222222:role/tf-plan',
    '',
  ])('refuses the role %j', role => {
    expect(takes({ plan: { role } })).toBe(false);
    expect(takes({ apply: { role } })).toBe(false);
  });

  test.each([
    'arn:aws:secretsmanager:eu-west-1:111111111111:secret:team/scaleway-AbCdEf',
    'arn:aws-cn:secretsmanager:cn-north-1:111111111111:secret:scaleway',
    'file:/etc/infra-deployer/scaleway.json',
  ])('takes the secret %s', secret => {
    expect(takes({ plan: { env_secrets: { SCW_SECRET_KEY: { secret, key: 'secret-key' } } } })).toBe(true);
  });

  test.each([
    ['a wildcard', { secret: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:*', key: 'k' }],
    ['another service', { secret: 'arn:aws:ssm:eu-west-1:111111111111:parameter/x', key: 'k' }],
    ['a name alone', { secret: 'scaleway', key: 'k' }],
    ['a relative file', { secret: 'file:scaleway.json', key: 'k' }],
    ['no key', { secret: 'file:/s' }],
    ['an empty key', { secret: 'file:/s', key: '' }],
    ['a key that every object has', { secret: 'file:/s', key: '__proto__' }],
    ['a value', { secret: 'file:/s', key: 'k', value: 'x' }],
    ['a text', 'file:/s'],
  ])('refuses a secret that is %s', (_, secret) => {
    expect(takes({ apply: { env_secrets: { SCW_SECRET_KEY: secret } } })).toBe(false);
  });

  test('refuses another worker, and runs as nobody', () => {
    expect(takes({ worker: 'lambda' })).toBe(true);
    for (const setting of [{ worker: 'ec2' }, { plan: {} }, { apply: {} }, { plan: { roles: [] } }])
      expect(takes(setting)).toBe(false);
  });

  test('may not contradict another entry in where providers come from', () => {
    const stacks = [
      { paths: ['**'], providers: { allow: ['hashicorp/*'] } },
      { paths: ['prod/**'], providers: { allow: ['hashicorp/aws'] } },
    ];
    const rules = [{ name: 'a', deny: ['plan'] }];
    expect(checkPolicy({ version: 1, repositories: { infra: { url: '/srv/x', rules, stacks } } })).toMatchObject({
      problems: [{ message: expect.stringContaining('sets `providers` differently') }],
    });
  });
});

describe('`modules` of a repository', () => {
  const policy = (...urls: string[]) => ({
    version: 1,
    repositories: {
      infra: {
        url: '/srv/x',
        rules: [{ name: 'a', deny: ['plan'] }],
        modules: urls.map(url => ({ url, deploy_key: 'file:/key', known_hosts: 'host ssh-ed25519 AAAA' })),
      },
    },
  });

  test('says how each of them is reached', () => {
    const checked = checkPolicy(policy('git@git.example.com:acme/vpc.git'));
    expect(checked.ok && checked.policy.repositories.get('infra')?.modules).toEqual([
      { url: 'git@git.example.com:acme/vpc.git', deployKey: 'file:/key', knownHosts: 'host ssh-ed25519 AAAA' },
    ]);
  });

  test.each([
    [['/srv/vpc.git'], 'does not have the right form'],
    [['https://git.example.com/vpc.git'], 'does not have the right form'],
    [[], 'must not be empty'],
    [['git@host:a.git', 'git@host:a.git'], 'is the url of another one too'],
  ])('refuses %j', (urls, words) => {
    expect(checkPolicy(policy(...urls))).toMatchObject({ problems: [{ message: expect.stringContaining(words) }] });
  });
});
