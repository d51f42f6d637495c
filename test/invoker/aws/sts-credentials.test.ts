import { STSClient } from '@aws-sdk/client-sts';
import { beforeEach, describe, expect, test } from 'vitest';
import { roleSessionPolicy, secretsSessionPolicy } from '../../../invoker/aws/session-policies.ts';
import { stsCredentials } from '../../../invoker/aws/sts-credentials.ts';
import type { RunRecord } from '../../../invoker/run.ts';
import type { Policy, Repository, StackSettings } from '../../../policies/allowlist.ts';
import { canonicalPath } from '../../../policies/path.ts';
import { stackSettings } from '../../../policies/stack.ts';
import { policyFrom } from '../../support/policy.ts';
import { value } from '../../support/value.ts';
import { type Answered, type AwsStub, secretArn, startAwsStub } from '../../task-image/aws-stub.ts';
import { queuedRun } from '../sample-run.ts';

const stub: AwsStub = await startAwsStub();
const credentials = { accessKeyId: 'AKIADOOR', secretAccessKey: 'secret-of-the-door' };
const sts = new STSClient({ region: 'eu-west-1', endpoint: stub.url, credentials, retryMode: 'standard' });
const runRole = 'arn:aws:iam::111111111111:role/infra-deployer-run';
const { ofSource, ofRun } = stsCredentials({ sts, runRole });

const [tfPlan, tfApply] = ['plan', 'apply'].map(name => `arn:aws:iam::222222222222:role/tf-${name}`);
const [key, moduleKey, scaleway, dns] = ['key', 'module', 'scaleway', 'dns'].map(secretArn) as [
  string,
  string,
  string,
  string,
];

const repositoryWith = (differences: object = {}, stack: object = {}): Repository => {
  const knownHosts = 'git.example.com ssh-ed25519 AAAA';
  const body = {
    url: 'git@git.example.com:acme/infra-live.git',
    deploy_key: key,
    known_hosts: knownHosts,
    rules: [{ name: 'all', allow: ['plan', 'apply'], refs: ['refs/heads/**'], paths: ['prod/**'] }],
    stacks: [
      {
        paths: ['prod/**'],
        backend: { type: 's3', config: { bucket: 'acme-tfstate', key: '{path}/terraform.tfstate' } },
        plan: { role: tfPlan, env_secrets: { SCW_SECRET_KEY: { secret: scaleway, key: 'read' } } },
        apply: {
          role: tfApply,
          env_secrets: {
            SCW_SECRET_KEY: { secret: scaleway, key: 'write' },
            DNS_TOKEN: { secret: dns, key: 'token' },
            DNS_USER: { secret: dns, key: 'user' },
          },
        },
        ...stack,
      },
    ],
    ...differences,
  };
  const policy = policyFrom(JSON.stringify({ version: 1, repositories: { 'infra-live': body } }));
  const [repository] = policy.repositories.values();
  if (repository === undefined) throw new Error('no repository');
  return repository;
};

const policyWith = (of: Repository): Policy => ({
  issuers: new Map(),
  trustInvoker: false,
  repositories: new Map([[of.name, of]]),
});
const repository = repositoryWith();
const inForce = policyWith(repository);
const path = value(canonicalPath('prod/vpc'));
const id = 'r_aaaabbbbccccddddeeeeffff22';
const settingsOf = (of: Repository): StackSettings => stackSettings(of, path);
const run = (command: 'plan' | 'apply', differences: Partial<RunRecord> = {}): RunRecord => ({
  ...queuedRun({ command, path: 'prod/vpc' }),
  id,
  ...differences,
});
const given = (of: Repository, command: 'plan' | 'apply') => ofRun(run(command), of, settingsOf(of), policyWith(of));

interface Assumed {
  readonly role: string | null;
  readonly name: string | null;
  readonly source: string | null;
  readonly seconds: number;
  readonly policy: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** What was asked of STS since this test began, by role. */
let from = 0;
const assumed = (): readonly Assumed[] =>
  stub.asked
    .slice(from)
    .map(({ body }) => new URLSearchParams(body.toString()))
    .map(form => ({
      role: form.get('RoleArn'),
      name: form.get('RoleSessionName'),
      source: form.get('SourceIdentity'),
      seconds: Number(form.get('DurationSeconds')),
      policy: form.get('Policy'),
      tags: Object.fromEntries(
        [1, 2, 3, 4, 5].flatMap(at => {
          const name = form.get(`Tags.member.${at}.Key`);
          return name === null ? [] : [[name, form.get(`Tags.member.${at}.Value`) ?? '']];
        }),
      ),
    }))
    .sort((a, b) => `${a.role}`.localeCompare(`${b.role}`));

const granted = (role: string | null): Answered => ({
  body: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
    <AccessKeyId>ASIA ${role}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
    <Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
});
const refusedBy = (code: string, message: string, status = 403): Answered => ({
  status,
  body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
    <Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
});

beforeEach(() => {
  from = stub.asked.length;
  stub.answer(({ body }) => granted(new URLSearchParams(body.toString()).get('RoleArn')));
});

const sessionOf = (role: string | undefined) => ({
  accessKeyId: `ASIA ${role}`,
  secretAccessKey: 'secret',
  sessionToken: 'token',
  expiresAt: '2030-01-01T00:00:00.000Z',
});

describe('for the source of a run', () => {
  test('the run role reads the deploy keys that are secrets, its own and those of modules, and nothing else', async () => {
    const module = { url: 'git@git.example.com:acme/m.git', deploy_key: moduleKey, known_hosts: 'git.example.com x y' };
    const withModule = repositoryWith({ modules: [module] });
    expect(await ofSource(run('plan'), withModule)).toEqual({ ok: true, value: sessionOf(runRole) });
    expect(assumed()).toEqual([
      {
        ...{ role: runRole, name: id, source: id, seconds: 900 },
        policy: value(secretsSessionPolicy([key, moduleKey])),
        tags: { repo: 'infra-live', path: 'prod/vpc' },
      },
    ]);
  });

  test('nothing is assumed where no key is a secret of AWS', async () => {
    const withFile = repositoryWith({ deploy_key: 'file:/etc/key' });
    expect(await ofSource(run('plan'), withFile)).toEqual({ ok: true, value: undefined });
    expect(assumed()).toEqual([]);
  });
});

describe('for the run itself', () => {
  test.each([
    ['plan', tfPlan, [scaleway]],
    ['apply', tfApply, [scaleway, dns]],
  ] as const)('a %s gets its own role, left with its state, and its own secrets', async (command, role, secrets) => {
    expect(await given(repository, command)).toEqual({
      ok: true,
      value: { role: sessionOf(role), secrets: sessionOf(runRole) },
    });
    const [ofSecrets, ofRole, ...more] = assumed();
    expect(more).toEqual([]);
    expect(ofSecrets?.role).toBe(runRole);
    expect(JSON.parse(ofSecrets?.policy ?? '{}')).toEqual(JSON.parse(value(secretsSessionPolicy([...secrets].sort()))));
    expect(ofRole).toMatchObject({ role, name: id, source: id, tags: { repo: 'infra-live', path: 'prod/vpc' } });
    expect(ofRole?.policy).toBe(
      value(roleSessionPolicy({ policy: inForce, repository, path, command, partition: 'aws' })),
    );
  });

  test('who asks is in the tags, where somebody is known', async () => {
    const identity = {
      ...{ issuer: 'gitlab', job: '77', user: '42', login: 'ada', project: 'acme/infra-live' },
      ...{ commit: 'a'.repeat(40), isMergeRequest: false, claims: {} },
    };
    await ofRun(run('plan', { asker: { identity, planners: [] } }), repository, settingsOf(repository), inForce);
    expect(assumed()[1]?.tags).toEqual({ repo: 'infra-live', path: 'prod/vpc', job: '77', user: 'gitlab:42' });
  });

  test.each([
    ['too long', 'x'.repeat(257)],
    ['of letters that AWS does not take', 'a[bot]'],
  ])('a tag that is %s is refused, not changed', async (_what, job) => {
    const identity = {
      ...{ issuer: 'gitlab', job, user: '42', login: 'ada', project: 'acme/infra-live' },
      ...{ commit: 'a'.repeat(40), isMergeRequest: false, claims: {} },
    };
    const answer = await ofRun(
      run('plan', { asker: { identity, planners: [] } }),
      repository,
      settingsOf(repository),
      inForce,
    );
    expect(answer).toMatchObject({ ok: false, problem: { code: 'E_CREDENTIALS' } });
    expect(assumed()).toEqual([]);
  });

  test.each([
    [5, 900],
    [30, 2100],
    [600, 3600],
  ])('of %i minutes the role lasts %i seconds', async (minutes, seconds) => {
    await given(repositoryWith({}, { limits: { minutes } }), 'plan');
    expect(assumed()[1]?.seconds).toBe(seconds);
  });

  test('there is nothing where the policy says nothing', async () => {
    const none = { plan: undefined, apply: undefined };
    expect(await given(repositoryWith({}, none), 'apply')).toEqual({ ok: true, value: {} });
    expect(assumed()).toEqual([]);
  });

  test('a role that cannot be narrowed is not assumed', async () => {
    const open = repositoryWith({}, { backend: undefined });
    expect(await given(open, 'plan')).toMatchObject({ ok: false, problem: { code: 'E_CREDENTIALS' } });
    expect(assumed().filter(({ role }) => role !== runRole)).toEqual([]);
  });

  test('is asked for anew every time', async () => {
    await given(repository, 'plan');
    await given(repository, 'plan');
    expect(assumed().length).toBe(4);
  });
});

describe('a role that AWS does not give', () => {
  test('is told with what its trust must allow, and to whom', async () => {
    const message = `User: arn:aws:sts::111111111111:assumed-role/infra-deployer-worker/worker is not authorized to perform: sts:TagSession on resource: ${tfPlan}`;
    stub.answer(() => refusedBy('AccessDenied', message));
    expect(await given(repositoryWith({}, { plan: { role: tfPlan } }), 'plan')).toEqual({
      ok: false,
      problem: {
        code: 'E_CREDENTIALS',
        message: `AWS does not let this server assume the role \`${tfPlan}\`: sts:TagSession is not allowed`,
        fix: 'let the trust policy of that role allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity to the role of the worker door, arn:aws:iam::111111111111:role/infra-deployer-worker',
      },
    });
  });

  test('says that too much is asked for', async () => {
    stub.answer(() => refusedBy('PackedPolicyTooLarge', 'too large', 400));
    expect(await given(repository, 'plan')).toMatchObject({ ok: false, problem: { code: 'E_CREDENTIALS' } });
  });

  test.each([
    ['ExpiredToken', 403],
    ['RegionDisabledException', 403],
  ])('for what a run cannot mend is a failure of the door: %s', async (code, status) => {
    stub.answer(() => refusedBy(code, 'x', status));
    await expect(ofSource(run('plan'), repository)).rejects.toThrow();
  });

  test('is asked for again when AWS is busy', async () => {
    let tries = 0;
    stub.answer(() => {
      tries += 1;
      return tries === 1 ? refusedBy('Throttling', 'slow down', 400) : granted(runRole);
    });
    expect(await ofSource(run('plan'), repository)).toMatchObject({ ok: true });
  });
});
