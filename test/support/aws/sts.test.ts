import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../requirements.ts';
import { clientFor } from './clients.ts';
import { startFront } from './front.ts';
import { startTestFront, type TestFront } from './test-front.ts';
import { account, caller, target, testWorld, worker } from './test-world.ts';

describe.skipIf(requires('aws'))('sessions of roles', { timeout: 60_000 }, () => {
  let { front, as, admin, stop } = {} as TestFront;
  beforeAll(async () => {
    ({ front, as, admin, stop } = await startTestFront());
    const s3 = new S3Client(as);
    for (const Key of ['a', 'b']) await s3.send(new PutObjectCommand({ Bucket: 'ours', Key, Body: Key }));
  }, 120_000);
  afterAll(() => stop?.());

  const assume = async (input: Partial<AssumeRoleCommandInput> = {}, caller = as) => {
    const command = new AssumeRoleCommand({ RoleArn: target, RoleSessionName: 'run-1', ...input });
    const { Credentials: given, ...rest } = await new STSClient(caller).send(command);
    const credentials = {
      accessKeyId: given?.AccessKeyId ?? '',
      secretAccessKey: given?.SecretAccessKey ?? '',
      sessionToken: given?.SessionToken ?? '',
    };
    return { ...rest, client: clientFor(caller.endpoint, credentials) };
  };
  const read = async (client: ReturnType<typeof clientFor>, Key: string) => {
    const { Body } = await new S3Client(client).send(new GetObjectCommand({ Bucket: 'ours', Key }));
    return Body?.transformToString();
  };

  it('say whose they are', async () => {
    const { client, AssumedRoleUser } = await assume();
    const arn = 'arn:aws:sts::222222222222:assumed-role/target/run-1';
    expect(AssumedRoleUser?.Arn).toBe(arn);
    const identity = await new STSClient(client).send(new GetCallerIdentityCommand());
    expect(identity).toMatchObject({ Arn: arn, Account: '222222222222' });
    expect(await new STSClient(as).send(new GetCallerIdentityCommand())).toMatchObject({ Account: account });
  });

  it('are had from a role that trusts the caller, and of no other', async () => {
    await expect(assume()).resolves.toBeDefined();
    for (const RoleArn of [worker, caller, `${target}-that-is-not-there`]) {
      await expect(assume({ RoleArn })).rejects.toMatchObject({ name: 'AccessDenied' });
    }
    const other = new STSClient(clientFor(front.url, front.issue(worker)));
    await expect(
      other.send(new AssumeRoleCommand({ RoleArn: target, RoleSessionName: 'run-1' })),
    ).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });

  it('are narrowed by a session policy', async () => {
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::ours/a' }],
    });
    const { client } = await assume({ Policy });
    await expect(read(client, 'a')).resolves.toBe('a');
    await expect(read(client, 'b')).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(read((await assume()).client, 'b')).resolves.toBe('b');
  });

  it('end, and another one goes on', async () => {
    const short = await startFront({ world: testWorld(), moto: admin.endpoint, maxSessionSeconds: 5 });
    const { client } = await assume({}, clientFor(short.url, short.issue(caller)));
    await expect.poll(() => read(client, 'a').catch(({ name }) => name), { timeout: 30_000 }).toBe('ExpiredToken');
    const { client: next } = await assume({}, clientFor(short.url, short.issue(caller)));
    await expect(read(next, 'a')).resolves.toBe('a');
    await short.stop();
  });

  it('carry tags and a source identity that policies see', async () => {
    const Tags = [
      { Key: 'repo', Value: 'infra-live' },
      { Key: 'path', Value: 'prod/vpc' },
    ];
    const { SourceIdentity, client } = await assume({ Tags, SourceIdentity: 'anna' });
    expect(SourceIdentity).toBe('anna');
    await expect(read(client, 'b')).resolves.toBe('b');
    const onlyFor = (path: string, user: string) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 's3:GetObject',
            Resource: '*',
            Condition: { StringEquals: { 'aws:PrincipalTag/path': path, 'aws:SourceIdentity': user } },
          },
        ],
      });
    const held = async (Policy: string) => read((await assume({ Tags, SourceIdentity: 'anna', Policy })).client, 'a');
    await expect(held(onlyFor('prod/vpc', 'anna'))).resolves.toBe('a');
    await expect(held(onlyFor('prod/db', 'anna'))).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(held(onlyFor('prod/vpc', 'eve'))).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it.each([
    ['a name with a space', { RoleSessionName: 'run 1' }],
    ['a tag with a character that AWS does not take', { Tags: [{ Key: 'job', Value: 'a#b' }] }],
    ['more than an hour in a chain', { DurationSeconds: 3601 }],
    ['less than a quarter of an hour', { DurationSeconds: 899 }],
    ['a policy that is too long', { Policy: ' '.repeat(2049) }],
  ])('are refused to %s', async (_, input) => {
    await expect(assume(input)).rejects.toMatchObject({ name: 'ValidationError' });
  });

  it('are refused to a policy that cannot be read', async () => {
    await expect(assume({ Policy: '{"Version":"2012-10-17"}' })).rejects.toMatchObject({
      name: 'MalformedPolicyDocumentException',
    });
  });
});
