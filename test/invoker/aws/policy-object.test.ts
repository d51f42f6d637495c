/** The policy as an object in S3: the one in force at this moment, or none. */
import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { policyObject } from '../../../invoker/aws/policy-object.ts';
import type { PolicySource } from '../../../invoker/policy-source.ts';
import { digestOf } from '../../../invoker/secret.ts';
import { requires } from '../../support/requirements.ts';
import { type Installation, startInstallation } from './installation.ts';

const key = 'allowlist.yaml';
const policy = (name: string, more = '') => `version: 1
trust_invoker: true
repositories:
  ${name}:
    url: git@gitlab.example.com:acme/infra.git
    deploy_key: arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf
    known_hosts: gitlab.example.com ssh-ed25519 AAAA
    rules:
      - {name: plan, allow: [plan], refs: [refs/heads/**], paths: [prod/**]}
${more}`;

describe.skipIf(requires('aws', 'terraform', 'aws provider'))('the policy in S3', { timeout: 60_000 }, () => {
  let aws: Installation;
  let source: PolicySource;
  let logged: string[];
  beforeAll(async () => {
    aws = await startInstallation();
  }, 120_000);
  afterAll(() => aws?.stop());
  beforeEach(async () => {
    logged = [];
    source = sourceAs('deploy');
    await store(policy('first'));
  });

  const bucket = () => aws.rendered.buckets.policy.name;
  const sourceAs = (role: 'deploy' | 'audit') =>
    policyObject({ client: aws.s3(role), bucket: bucket(), key, broken: problems => logged.push(...problems) });
  const store = (Body: string | Uint8Array, more = {}) =>
    aws.s3().send(new PutObjectCommand({ Bucket: bucket(), Key: key, Body, ...more }));
  const remove = () => aws.s3().send(new DeleteObjectCommand({ Bucket: bucket(), Key: key }));
  const names = async () => [...(await source.current()).policy.repositories.keys()];
  const unavailable = { problem: { code: 'E_POLICY_UNAVAILABLE' } };

  test('is in force with its digest', async () => {
    const { policy: inForce, digest } = await source.current();
    expect([...inForce.repositories.keys()]).toEqual(['first']);
    expect(digest).toBe(digestOf(policy('first')));
  });

  test('is asked for at every decision, and read again only when it has changed', async () => {
    const first = await source.current();
    const asked = aws.front.calls.length;
    expect(await source.current()).toBe(first);
    expect(aws.front.calls.slice(asked)).toMatchObject([{ action: 's3:GetObject', allowed: true }]);
  });

  test('is the new one from the next decision on, and the old one again once that is back', async () => {
    expect(await names()).toEqual(['first']);
    await store(policy('second'));
    expect(await names()).toEqual(['second']);
    await store(policy('first'));
    expect(await names()).toEqual(['first']);
  });

  test.each<[string, string | Uint8Array]>([
    ['that is no policy', 'version: 1\n'],
    ['that was cut in the middle', policy('second').slice(0, 200)],
    ['that is empty', ''],
    ['in UTF-16', Buffer.from(`\ufeff${policy('second')}`, 'utf16le')],
    ['in Latin-1', Buffer.from(policy('second', '# caf\u00e9'), 'latin1')],
    ['that is compressed', gzipSync(policy('second'))],
    ['that is larger than 1 MiB', policy('second', `# ${'x'.repeat(1024 * 1024)}`)],
    ['that nobody could ask', policy('second').replace('trust_invoker: true\n', '')],
    ['with a path of this machine', policy('second').replace('git@gitlab.example.com:acme/infra.git', '/srv/i.git')],
    ['with a key in a file', policy('second').replace(/arn:\S+/, 'file:/key')],
  ])('one %s decides nothing, nor does the one before', async (_, broken) => {
    expect(await names()).toEqual(['first']);
    await store(broken);
    for (let times = 0; times < 2; times += 1) await expect(source.current()).rejects.toMatchObject(unavailable);
    expect(logged.length).toBeGreaterThan(0);
    await store(policy('first'));
    expect(await names()).toEqual(['first']);
  });

  test('one of almost 1 MiB is read', async () => {
    const head = policy('large', '# ');
    await store(head + 'x'.repeat(1024 * 1024 - head.length));
    expect(await names()).toEqual(['large']);
  });

  test('one that is removed decides nothing', async () => {
    await source.current();
    await remove();
    await expect(source.current()).rejects.toMatchObject(unavailable);
  });

  test.each([
    ['fails', { error: { code: 'InternalError', status: 500 } }],
    ['is throttled', { error: { code: 'SlowDown', status: 503 } }],
    ['lets nobody in', { error: { code: 'AccessDenied', status: 403 } }],
  ])('nothing is decided while S3 %s, whatever was known', async (_, fault) => {
    const first = await source.current();
    aws.front.inject('s3:GetObject', fault);
    await expect(source.current()).rejects.toMatchObject(unavailable);
    expect(await source.current()).toBe(first);
  });

  test('nobody reads it whom the module does not let', async () => {
    await expect(sourceAs('audit').current()).rejects.toMatchObject(unavailable);
    expect(logged).toEqual([expect.stringMatching(/^s3:\/\/.*cannot be read: AccessDenied: /)]);
  });

  test('the log says where it is wrong, and nothing of what it says', async () => {
    await store(policy('second').replace(/arn:\S+/, '-----BEGIN OPENSSH PRIVATE KEY-----canary'));
    await expect(source.current()).rejects.toMatchObject(unavailable);
    expect(logged).toEqual(['allowlist.yaml:6 is wrong: `policy lint` says what']);
  });

  test('many who ask at once get what is in force', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => names()));
    expect(new Set(all.flat())).toEqual(new Set(['first']));
  });
});
