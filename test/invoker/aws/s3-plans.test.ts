/** Plans and errored states in S3: what their grants allow, and what the roles of the doors do. */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { erroredStateKey, erroredStates } from '../../../invoker/aws/errored-states.ts';
import { s3Plans } from '../../../invoker/aws/s3-plans.ts';
import { newRunId } from '../../../invoker/secret.ts';
import { requires } from '../../support/requirements.ts';
import { boundTo, plansContract, put } from '../plans-contract.ts';
import { type Installation, startInstallation } from './installation.ts';

describe.skipIf(requires('aws', 'terraform', 'aws provider'))('in S3', { timeout: 60_000 }, () => {
  let aws: Installation;
  let bucket: string;
  let waited = 0;
  const now = () => Date.now() + waited;
  beforeAll(async () => {
    aws = await startInstallation(now);
    bucket = aws.rendered.buckets.plans.name;
  }, 120_000);
  afterAll(() => aws?.stop());

  const plansOf = (role: 'worker' | 'keeper') => s3Plans({ client: aws.s3(role), bucket, now });
  const keys = async () => {
    const { Contents = [] } = await aws.s3().send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key }) => ({ Key }));
  };
  const empty = async () => {
    const Objects = await keys();
    if (Objects.length > 0) await aws.s3().send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
  };

  plansContract('plans', async () => {
    const [door, keeper] = [plansOf('worker'), plansOf('keeper')];
    return {
      // Each by the function that does it.
      plans: { ...door, list: keeper.list, remove: keeper.remove },
      parameters: ['Algorithm', 'Credential', 'Date', 'Expires', 'Security-Token', 'Signature', 'SignedHeaders'].map(
        name => `X-Amz-${name}`,
      ),
      wait: ms => {
        waited += ms;
      },
      close: async () => {
        waited = 0;
        await empty();
      },
    };
  });
  describe('the grant of a plan', () => {
    const content = 'a saved plan';
    const bound = boundTo(content);
    const checksum = Buffer.from(bound.digest, 'hex').toString('base64');
    const whole = { 'if-none-match': '*', 'x-amz-checksum-sha256': checksum };
    const putWith = async (headers: Record<string, string>) => {
      const url = await plansOf('worker').grantUpload(newRunId(), bound);
      return (await fetch(url, { method: 'PUT', body: content, headers })).status;
    };

    test('is worth nothing without the headers that it is bound to', async () => {
      const { 'if-none-match': once, 'x-amz-checksum-sha256': sum } = whole;
      expect(await putWith(whole)).toBe(200);
      expect(await putWith({ 'x-amz-checksum-sha256': sum })).toBe(403);
      expect(await putWith({ 'if-none-match': '"etag"', 'x-amz-checksum-sha256': sum })).toBe(403);
      expect(await putWith({ 'if-none-match': once })).toBe(403);
      expect(await putWith({ ...whole, 'x-amz-server-side-encryption': 'AES256' })).toBe(403);
    });

    test('is for no copy of another object', async () => {
      expect(await putWith({ ...whole, 'x-amz-copy-source': `${bucket}/plans/another` })).toBe(403);
    });
  });

  test('a plan lies under the key of the plans, and only the worker door reads it', async () => {
    const planId = newRunId();
    await put(await plansOf('worker').grantUpload(planId, boundTo('plan')), Buffer.from('plan'));
    const there = { Bucket: bucket, Key: `plans/${planId}` };
    expect(await aws.s3().send(new HeadObjectCommand(there))).toMatchObject({
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: aws.rendered.keys.plans.arn,
    });
    for (const role of ['keeper', 'deploy', 'audit', 'run'] as const)
      expect((await fetch(await s3Plans({ client: aws.s3(role), bucket, now }).grantDownload(planId))).status).toBe(
        403,
      );
    await expect(plansOf('keeper').has(planId)).rejects.toThrow();
    await expect(plansOf('worker').remove(planId)).rejects.toThrow(/not authorized/);
    await plansOf('keeper').remove(planId);
    expect(await plansOf('worker').has(planId)).toBe(false);
  });

  test('an S3 that does not say whether there is a plan is no answer', async () => {
    for (const error of [
      { code: 'ServiceUnavailable', status: 503 },
      { code: 'AccessDenied', status: 403 },
    ]) {
      aws.front.inject('s3:GetObject', { error });
      await expect(plansOf('worker').has(newRunId()), error.code).rejects.toThrow();
    }
  });

  test('more plans than one answer holds are all listed', async () => {
    const [door, keeper] = [aws.s3(), plansOf('keeper')];
    const ids = Array.from({ length: 1001 }, () => newRunId()).sort();
    for (let at = 0; at < ids.length; at += 50)
      await Promise.all(
        ids
          .slice(at, at + 50)
          .map(id => door.send(new PutObjectCommand({ Bucket: bucket, Key: `plans/${id}`, Body: 'x' }))),
      );
    expect([...(await keeper.list())].sort()).toEqual(ids);
    for (let left = await keys(); left.length > 0; left = await keys()) await empty();
  });

  describe('an errored state', () => {
    const states = () => aws.rendered.buckets.errored.name;
    const grant = (id: string, role: 'worker' | 'keeper' = 'worker') =>
      erroredStates({ client: aws.s3(role), bucket: states(), now })({ id });
    const putState = async (url: string, body: string, headers = { 'if-none-match': '*' }) =>
      (await fetch(url, { method: 'PUT', body, headers })).status;

    test('of any size is kept once, under the id of its run', async () => {
      const id = newRunId();
      const url = await grant(id);
      expect(await putState(url, 'a state')).toBe(200);
      expect(await putState(url, 'another')).toBe(412);
      expect(await putState(await grant(id), 'another')).toBe(412);
      const read = (role?: 'worker') =>
        aws.s3(role).send(new GetObjectCommand({ Bucket: states(), Key: erroredStateKey(id) }));
      const { Body } = await read();
      expect(await Body?.transformToString()).toBe('a state');
      await expect(read('worker')).rejects.toThrow(/not authorized/);
    });

    test('is put nowhere else, over nothing, and not after an hour', async () => {
      const [id, other] = [newRunId(), newRunId()];
      const url = await grant(id);
      expect(await putState(url.replace(id, other), 'x')).toBe(403);
      expect(await putState(url.replace(states(), bucket), 'x')).toBe(403);
      expect(await putState(url, 'x', { 'if-none-match': '"x"' })).toBe(403);
      expect(await putState(await grant(id, 'keeper'), 'x')).toBe(403);
      expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('3600');
    });

    test('is no plan: the keeper neither lists nor removes it', async () => {
      const id = newRunId();
      await putState(await grant(id), 'a state');
      expect(await plansOf('keeper').list()).toEqual([]);
      const gone = new DeleteObjectCommand({ Bucket: states(), Key: erroredStateKey(id) });
      await expect(aws.s3('keeper').send(gone)).rejects.toThrow(/not authorized/);
    });
  });
});
