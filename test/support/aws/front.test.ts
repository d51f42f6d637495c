import { CloudWatchLogsClient, CreateLogGroupCommand, CreateLogStreamCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient, GetItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { ECSClient, ListClustersCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { EncryptCommand, GenerateMacCommand, KMSClient, VerifyMacCommand } from '@aws-sdk/client-kms';
import {
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../requirements.ts';
import { clientFor } from './clients.ts';
import { startFront } from './front.ts';
import { startTestFront, type TestFront } from './test-front.ts';
import {
  account,
  allow,
  closedKey,
  dataKey,
  macKey,
  policy,
  region,
  services,
  taskDefinition,
  testWorld,
} from './test-world.ts';

describe.skipIf(requires('aws'))('the front', { timeout: 60_000 }, () => {
  let { front, as, admin, stop } = {} as TestFront;
  beforeAll(async () => {
    ({ front, as, admin, stop } = await startTestFront());
  }, 120_000);
  afterAll(() => stop?.());

  const s3 = () => new S3Client(as);
  const get = (TableName: string) => new GetItemCommand({ TableName, Key: { pk: { S: 'a' } } });
  const named = (name: string) => expect.objectContaining({ name });

  describe('verdicts', () => {
    it('lets through what a policy allows, and refuses its twin', async () => {
      await expect(new DynamoDBClient(as).send(get('ours'))).resolves.toBeDefined();
      await expect(new DynamoDBClient(as).send(get('theirs'))).rejects.toMatchObject(named('AccessDeniedException'));
      await expect(s3().send(new ListObjectsV2Command({ Bucket: 'ours' }))).resolves.toBeDefined();
      await expect(s3().send(new ListObjectsV2Command({ Bucket: 'theirs' }))).rejects.toMatchObject(
        named('AccessDenied'),
      );
      await expect(s3().send(new HeadBucketCommand({ Bucket: 'theirs' }))).rejects.toMatchObject({
        $metadata: { httpStatusCode: 403 },
      });
      const secrets = new SecretsManagerClient(as);
      await expect(secrets.send(new GetSecretValueCommand({ SecretId: 'ours' }))).resolves.toMatchObject({
        SecretString: 'of ours',
      });
      await expect(secrets.send(new GetSecretValueCommand({ SecretId: 'theirs' }))).rejects.toMatchObject(
        named('AccessDeniedException'),
      );
      const logs = new CloudWatchLogsClient(as);
      await expect(logs.send(new CreateLogGroupCommand({ logGroupName: '/ours' }))).resolves.toBeDefined();
      await expect(
        logs.send(new CreateLogStreamCommand({ logGroupName: '/ours', logStreamName: 'r' })),
      ).resolves.toBeDefined();
      await expect(logs.send(new CreateLogGroupCommand({ logGroupName: '/theirs' }))).rejects.toMatchObject(
        named('AccessDeniedException'),
      );
    });

    it('judges every item of a transaction', async () => {
      const write = (...tables: string[]) =>
        new TransactWriteItemsCommand({
          TransactItems: tables.map((TableName, index) => ({ Put: { TableName, Item: { pk: { S: `t${index}` } } } })),
        });
      await expect(new DynamoDBClient(as).send(write('ours', 'ours'))).resolves.toBeDefined();
      await expect(new DynamoDBClient(as).send(write('ours', 'theirs'))).rejects.toMatchObject(
        named('AccessDeniedException'),
      );
    });

    it('wants the key of what lies encrypted, to write, to read and for a secret', async () => {
      const put = (SSEKMSKeyId: string) =>
        s3().send(
          new PutObjectCommand({
            Bucket: 'ours',
            Key: 'encrypted',
            Body: 'x',
            ServerSideEncryption: 'aws:kms',
            SSEKMSKeyId,
          }),
        );
      await expect(put(dataKey)).resolves.toBeDefined();
      await expect(s3().send(new GetObjectCommand({ Bucket: 'ours', Key: 'encrypted' }))).resolves.toBeDefined();
      await expect(put(closedKey)).rejects.toMatchObject(named('AccessDenied'));
      await new S3Client(admin).send(
        new PutObjectCommand({
          Bucket: 'ours',
          Key: 'closed',
          Body: 'x',
          ServerSideEncryption: 'aws:kms',
          SSEKMSKeyId: closedKey,
        }),
      );
      await expect(s3().send(new GetObjectCommand({ Bucket: 'ours', Key: 'closed' }))).rejects.toMatchObject(
        named('AccessDenied'),
      );
      await expect(
        new SecretsManagerClient(as).send(new GetSecretValueCommand({ SecretId: 'ours-encrypted' })),
      ).rejects.toMatchObject(named('AccessDeniedException'));
    });

    it("wants the key that a bucket's default names", async () => {
      const encryptBy = (KMSMasterKeyID: string) =>
        new S3Client(admin).send(
          new PutBucketEncryptionCommand({
            Bucket: 'ours',
            ServerSideEncryptionConfiguration: {
              Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID } }],
            },
          }),
        );
      const put = () => s3().send(new PutObjectCommand({ Bucket: 'ours', Key: 'default', Body: 'x' }));
      await encryptBy(closedKey);
      await expect(put()).rejects.toMatchObject(named('AccessDenied'));
      await encryptBy(dataKey);
      await expect(put()).resolves.toBeDefined();
    });

    it('refuses what it does not know', async () => {
      const calls = front.calls.length;
      await expect(new ECSClient(as).send(new ListClustersCommand({}))).rejects.toMatchObject(
        named('AccessDeniedException'),
      );
      await expect(
        new KMSClient(as).send(new EncryptCommand({ KeyId: 'alias/x', Plaintext: Buffer.from('x') })),
      ).rejects.toMatchObject(named('AccessDeniedException'));
      await expect(
        s3().send(new PutBucketEncryptionCommand({ Bucket: 'ours', ServerSideEncryptionConfiguration: { Rules: [] } })),
      ).rejects.toMatchObject(named('AccessDenied'));
      expect(front.calls.slice(calls).map(({ because }) => because)).toEqual(Array(3).fill('unknown action'));
    });

    it('refuses what the judge cannot tell', async () => {
      const odd = `arn:aws:iam::${account}:role/odd`;
      const statement = {
        ...allow('dynamodb:*', '*'),
        Condition: { UnknownOperator: { 'aws:SecureTransport': 'true' } },
      };
      const world = testWorld();
      const roles = { ...world.roles, [odd]: { trust: services, policies: [policy(statement)] } };
      const other = await startFront({ world: { ...world, roles }, moto: admin.endpoint });
      const client = new DynamoDBClient(clientFor(other.url, other.issue(odd)));
      await expect(client.send(get('ours'))).rejects.toMatchObject(named('NotImplemented'));
      expect(other.calls).toMatchObject([{ allowed: false, because: expect.stringContaining('UnknownOperator') }]);
      await other.stop();
    });

    it('records who asked for what, and what became of it', async () => {
      const calls = front.calls.length;
      await new DynamoDBClient(as).send(get('ours'));
      await new DynamoDBClient(as).send(get('theirs')).catch(() => undefined);
      const principal = `arn:aws:sts::${account}:assumed-role/caller/test`;
      const table = `arn:aws:dynamodb:${region}:${account}:table`;
      expect(front.calls.slice(calls)).toEqual([
        { principal, action: 'dynamodb:GetItem', resource: `${table}/ours`, allowed: true },
        {
          principal,
          action: 'dynamodb:GetItem',
          resource: `${table}/theirs`,
          allowed: false,
          because: 'no allow in identity',
        },
      ]);
    });
  });

  describe('MACs of KMS', () => {
    const message = { KeyId: macKey, Message: Buffer.from('entry'), MacAlgorithm: 'HMAC_SHA_256' } as const;

    it('are made and verified, and its twin of another message is not', async () => {
      const kms = new KMSClient(as);
      const { Mac } = await kms.send(new GenerateMacCommand(message));
      expect(Mac).toEqual((await kms.send(new GenerateMacCommand(message))).Mac);
      await expect(kms.send(new VerifyMacCommand({ ...message, Mac }))).resolves.toMatchObject({ MacValid: true });
      await expect(
        kms.send(new VerifyMacCommand({ ...message, Message: Buffer.from('other'), Mac })),
      ).rejects.toMatchObject(named('KMSInvalidMacException'));
    });

    it('are of 4,096 bytes at most, and of keys that are open', async () => {
      const kms = new KMSClient(as);
      const long = (bytes: number) => new GenerateMacCommand({ ...message, Message: Buffer.alloc(bytes) });
      await expect(kms.send(long(4096))).resolves.toBeDefined();
      await expect(kms.send(long(4097))).rejects.toMatchObject(named('ValidationException'));
      await expect(kms.send(new GenerateMacCommand({ ...message, KeyId: closedKey }))).rejects.toMatchObject(
        named('AccessDeniedException'),
      );
    });
  });

  it('keeps the lock of an object from being shortened', async () => {
    const lock = (days: number) => ({
      Mode: 'COMPLIANCE' as const,
      RetainUntilDate: new Date(Date.now() + days * 86_400_000),
    });
    const { Mode, RetainUntilDate } = lock(2);
    await s3().send(
      new PutObjectCommand({
        Bucket: 'ours',
        Key: 'locked',
        Body: 'x',
        ObjectLockMode: Mode,
        ObjectLockRetainUntilDate: RetainUntilDate,
      }),
    );
    const retain = (days: number) =>
      s3().send(new PutObjectRetentionCommand({ Bucket: 'ours', Key: 'locked', Retention: lock(days) }));
    await expect(retain(3)).resolves.toBeDefined();
    await expect(retain(1)).rejects.toMatchObject(named('AccessDenied'));
  });

  describe('faults', () => {
    it('come instead of an answer, as often as asked for', async () => {
      front.inject('dynamodb:GetItem', { error: { code: 'ThrottlingException', status: 400 } }, 2);
      const client = new DynamoDBClient(as);
      for (let times = 0; times < 2; times += 1) {
        await expect(client.send(get('ours'))).rejects.toMatchObject(named('ThrottlingException'));
      }
      await expect(client.send(get('ours'))).resolves.toBeDefined();
    });

    it('are seen through by a client that retries', async () => {
      front.inject('dynamodb:GetItem', { error: { code: 'InternalServerError', status: 500 } }, 2);
      await expect(new DynamoDBClient({ ...as, maxAttempts: 3 }).send(get('ours'))).resolves.toBeDefined();
    });

    it('meet one resource, where that is asked for', async () => {
      front.inject('s3:ListBucket', { on: ':theirs', error: { code: 'SlowDown', status: 503 } });
      front.inject('s3:ListBucket', { on: ':ours', error: { code: 'InternalError', status: 500 } });
      const list = () => s3().send(new ListObjectsV2Command({ Bucket: 'ours' }));
      await expect(list()).rejects.toMatchObject(named('InternalError'));
      await expect(list()).resolves.toBeDefined();
    });

    it('hold a request back until the test lets go', async () => {
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
      front.inject('dynamodb:GetItem', { held });
      let isAnswered = false;
      const answer = new DynamoDBClient(as).send(get('ours')).then(() => {
        isAnswered = true;
      });
      // One that came later is answered.
      await new DynamoDBClient(as).send(new GetItemCommand({ TableName: 'ours', Key: { pk: { S: 'later' } } }));
      const waiting = isAnswered;
      letGo();
      await answer;
      expect(waiting).toBe(false);
    });

    it('come as answers too, and late', async () => {
      front.inject('ecs:RunTask', { delayMs: 10, answer: { tasks: [], failures: [{ reason: 'RESOURCE:CPU' }] } });
      const { failures } = await new ECSClient(as).send(new RunTaskCommand({ cluster: 'runs', taskDefinition }));
      expect(failures).toEqual([{ reason: 'RESOURCE:CPU' }]);
      expect(front.tasks).toEqual([]);
    });
  });
});
