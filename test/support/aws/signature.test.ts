import { createHash } from 'node:crypto';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../requirements.ts';
import { startTestFront, type TestFront } from './test-front.ts';
import { caller } from './test-world.ts';

/** As the SDK hands it to whoever sends it. */
interface HttpRequest {
  body: Uint8Array | string;
  readonly headers: Record<string, string>;
  readonly query: Record<string, string>;
}

describe.skipIf(requires('aws'))('the signature check', { timeout: 60_000 }, () => {
  let { front, as, stop } = {} as TestFront;
  beforeAll(async () => {
    ({ front, as, stop } = await startTestFront());
  }, 120_000);
  afterAll(() => stop?.());

  const s3 = () => new S3Client(as);
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
        new S3Client({ ...as, credentials }).send(new ListObjectsV2Command({ Bucket: 'ours' })),
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
      // Without its end: a client would not even ask with what it knows to be old.
      const { expiration: _, ...expired } = front.issue(caller, { seconds: -1 });
      const client = new DynamoDBClient({ ...as, credentials: expired });
      await expect(client.send(get('ours'))).rejects.toMatchObject(named('ExpiredTokenException'));
    });

    it.each<[string, (request: HttpRequest) => void, string]>([
      ['body', request => (request.body = Buffer.alloc(request.body.length, 'x')), 'InvalidSignatureException'],
      ['operation', ({ headers }) => (headers['x-amz-target'] = 'DynamoDB_20120810.Scan'), 'InvalidSignatureException'],
      ['date', ({ headers }) => (headers['x-amz-date'] = '20260101T000000Z'), 'InvalidSignatureException'],
      ['query', ({ query }) => (query.a = 'b'), 'InvalidSignatureException'],
      ['headers, by one more', ({ headers }) => (headers['x-amz-more'] = '1'), 'AccessDeniedException'],
      ['nothing', () => undefined, 'none'],
    ])('refuses a request that was changed after it was signed: its %s', async (_, change, name) => {
      const client = new DynamoDBClient(as);
      client.middlewareStack.add(
        next => args => {
          change(args.request as HttpRequest);
          return next(args);
        },
        { step: 'deserialize', priority: 'low' },
      );
      const asked = client.send(get('ours')).then(
        () => 'none',
        error => error.name,
      );
      expect(await asked).toBe(name);
    });

    it('refuses another content of an object than was signed', async () => {
      const put = (change: (request: HttpRequest) => void) => {
        const client = s3();
        client.middlewareStack.add(
          next => args => {
            change(args.request as HttpRequest);
            return next(args);
          },
          { step: 'deserialize', priority: 'low' },
        );
        const command = new PutObjectCommand({ Bucket: 'ours', Key: 'content', Body: 'x' });
        return client.send(command).then(
          () => 'none',
          error => error.name,
        );
      };
      expect(await put(request => (request.body = 'y'))).toBe('XAmzContentSHA256Mismatch');
      expect(await put(({ headers }) => (headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'))).toBe(
        'SignatureDoesNotMatch',
      );
      expect(await put(() => undefined)).toBe('none');
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

    it('holds its body to a checksum that stands in the URL', async () => {
      const url = (input: object) =>
        getSignedUrl(s3(), new PutObjectCommand({ Bucket: 'ours', Key: 'in-url', ...input }));
      const sent = async (url: string, body: string) => (await fetch(url, { method: 'PUT', body })).status;
      expect(await sent(await url({ ChecksumSHA256: sum }), body)).toBe(200);
      expect(await sent(await url({ ChecksumSHA256: sum }), 'b plan')).toBe(400);
      // Told nothing of the body, the SDK signs the checksum of an empty one.
      expect(await sent(await url({}), body)).toBe(400);
      expect(await sent(await url({}), '')).toBe(200);
    });

    it('ends', async () => {
      const signedAgo = async (seconds: number) => {
        const signingDate = new Date(Date.now() - seconds * 1000);
        const command = new PutObjectCommand({ Bucket: 'ours', Key: 'late', ChecksumSHA256: sum });
        return getSignedUrl(s3(), command, { expiresIn: 600, signingDate });
      };
      const status = async (url: string) => (await fetch(url, { method: 'PUT', body })).status;
      expect(await status(await signedAgo(300))).toBe(200);
      expect(await status(await signedAgo(601))).toBe(403);
      expect(await status((await signedAgo(601)).replace('X-Amz-Expires=600', 'X-Amz-Expires=900'))).toBe(403);
    });
  });
});
