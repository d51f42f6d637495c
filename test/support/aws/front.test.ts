import { createHash } from 'node:crypto';
import { CloudWatchLogsClient, CreateLogGroupCommand, CreateLogStreamCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { ECSClient, ListClustersCommand } from '@aws-sdk/client-ecs';
import { EncryptCommand, GenerateMacCommand, KMSClient, VerifyMacCommand } from '@aws-sdk/client-kms';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../requirements.ts';
import { anybody, clientFor } from './clients.ts';
import { type Front, startFront } from './front.ts';
import { type Moto, startMoto } from './moto.ts';
import { account, caller, closedKey, dataKey, macKey, region, target, testWorld, worker } from './test-world.ts';

describe.skipIf(requires('aws'))('the front', { timeout: 60_000 }, () => {
  let moto: Moto;
  let front: Front;
  let as: ReturnType<typeof clientFor>;

  beforeAll(async () => {
    moto = await startMoto({ account });
    front = await startFront({ world: testWorld(), moto: moto.url });
    as = clientFor(front.url, front.issue(caller));
    const admin = clientFor(moto.url, anybody);
    const s3 = new S3Client({ ...admin, forcePathStyle: true });
    for (const Bucket of ['ours', 'theirs', 'locked']) {
      await s3.send(
        new CreateBucketCommand({
          Bucket,
          CreateBucketConfiguration: { LocationConstraint: region },
          ObjectLockEnabledForBucket: Bucket === 'ours',
        }),
      );
    }
    for (const TableName of ['ours', 'theirs']) {
      await new DynamoDBClient(admin).send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        }),
      );
    }
    const secrets = new SecretsManagerClient(admin);
    await secrets.send(new CreateSecretCommand({ Name: 'ours', SecretString: 'a key' }));
    await secrets.send(new CreateSecretCommand({ Name: 'theirs', SecretString: 'another key' }));
    await secrets.send(new CreateSecretCommand({ Name: 'ours-encrypted', SecretString: 'x', KmsKeyId: closedKey }));
  }, 120_000);
  afterAll(async () => {
    await front.stop();
    await moto.stop();
  });

  const s3 = () => new S3Client({ ...as, forcePathStyle: true });
  const get = (TableName: string) => new GetItemCommand({ TableName, Key: { pk: { S: 'a' } } });
  const named = (name: string) => expect.objectContaining({ name });

  describe('signatures', () => {
    it('takes those of SDK clients, and its twin with another secret not', async () => {
      await expect(new DynamoDBClient(as).send(get('ours'))).resolves.toBeDefined();
      const credentials = { ...as.credentials, secretAccessKey: 'x' };
      await expect(new DynamoDBClient({ ...as, credentials }).send(get('ours'))).rejects.toMatchObject(
        named('InvalidSignatureException'),
      );
      await expect(
        new S3Client({ ...as, credentials, forcePathStyle: true }).send(new ListObjectsV2Command({ Bucket: 'ours' })),
      ).rejects.toMatchObject(named('SignatureDoesNotMatch'));
      await expect(new STSClient({ ...as, credentials }).send(new GetCallerIdentityCommand())).rejects.toMatchObject(
        named('SignatureDoesNotMatch'),
      );
    });

    it('refuses a key it has not issued, and the token of another session', async () => {
      const other = front.issue(caller);
      for (const wrong of [
        { accessKeyId: 'ASIAUNKNOWN' },
        { sessionToken: other.sessionToken },
        { sessionToken: '' },
      ]) {
        const client = new DynamoDBClient({ ...as, credentials: { ...as.credentials, ...wrong } });
        await expect(client.send(get('ours'))).rejects.toMatchObject(named('UnrecognizedClientException'));
      }
    });

    it('refuses a session that has expired', async () => {
      const client = new DynamoDBClient({
        ...as,
        credentials: { ...front.issue(caller, { seconds: -1 }), expiration: undefined },
      });
      await expect(client.send(get('ours'))).rejects.toMatchObject(named('ExpiredTokenException'));
    });

    it('takes keys and queries with every kind of character', async () => {
      const Key = "a b/ü+*~'()!@&=?:%41,;$#.json";
      await s3().send(new PutObjectCommand({ Bucket: 'ours', Key, Body: 'x' }));
      const listed = await s3().send(new ListObjectsV2Command({ Bucket: 'ours', Prefix: "a b/ü+*~'()!" }));
      expect(listed.Contents?.map(({ Key }) => Key)).toEqual([Key]);
      const read = await s3().send(new GetObjectCommand({ Bucket: 'ours', Key }));
      expect(await read.Body?.transformToString()).toBe('x');
    });
  });

  describe('a presigned upload', () => {
    const body = 'a plan';
    const sum = createHash('sha256').update(body).digest('base64');
    const headers = { 'content-length': String(body.length), 'if-none-match': '*', 'x-amz-checksum-sha256': sum };
    const presign = (Key: string, seconds = 60) =>
      getSignedUrl(
        s3(),
        new PutObjectCommand({
          Bucket: 'ours',
          Key,
          ContentLength: body.length,
          ChecksumSHA256: sum,
          IfNoneMatch: '*',
        }),
        {
          expiresIn: seconds,
          unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
          signableHeaders: new Set(['host', 'content-length', 'if-none-match']),
        },
      );
    const put = async (url: string, sent: string, changed: Readonly<Record<string, string>> = {}) => {
      const answer = await fetch(url, { method: 'PUT', body: sent, headers: { ...headers, ...changed } });
      return `${answer.status} ${/<Code>(.*)<\/Code>/.exec(await answer.text())?.[1] ?? ''}`.trim();
    };

    it('goes through once, and only to its key', async () => {
      const url = await presign('once');
      expect(await put(url.replace('/once?', '/other?'), body)).toBe('403 SignatureDoesNotMatch');
      expect(await put(url, body)).toBe('200');
      expect(await put(url, body)).toBe('412 PreconditionFailed');
    });

    it('is bound to its size, its checksum and every header that counts', async () => {
      const url = await presign('bound');
      expect(await put(url, 'a plan, and more', { 'content-length': '16' })).toBe('403 SignatureDoesNotMatch');
      expect(await put(url, 'b plan')).toBe('400 BadDigest');
      expect(await put(url, body, { 'if-none-match': 'x' })).toBe('403 SignatureDoesNotMatch');
      expect(await put(url, body, { 'x-amz-tagging': 'a=b' })).toBe('403 AccessDenied');
      expect(await put(url.replace(/Signature=[0-9a-f]{4}/, 'Signature=0000'), body)).toBe('403 SignatureDoesNotMatch');
      expect(await put(url, body)).toBe('200');
    });

    it('ends', async () => {
      const url = await presign('late');
      expect(await put(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'), body)).toBe('403 SignatureDoesNotMatch');
      const past = new URL(await presign('late'));
      const client = s3();
      const early = await getSignedUrl(client, new PutObjectCommand({ Bucket: 'ours', Key: 'late' }), {
        expiresIn: 60,
        signingDate: new Date(Date.now() - 61_000),
      });
      expect(past.pathname).toBe('/ours/late');
      expect(await put(early, body)).toBe('403 AccessDenied');
    });
  });

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
        SecretString: 'a key',
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
      const admin = new S3Client({ ...clientFor(moto.url, anybody), forcePathStyle: true });
      await admin.send(
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
      const admin = new S3Client({ ...clientFor(moto.url, anybody), forcePathStyle: true });
      const encryptBy = (KMSMasterKeyID: string) =>
        admin.send(
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
});
