/** The four functions, built, in an account whose stores they reach with their own roles only. */
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyChain } from '../../../policies/audit-chain.ts';
import type { AuditEntry } from '../../../policies/contract/audit-entry.ts';
import { clientFor } from '../../support/aws/clients.ts';
import { requires } from '../../support/requirements.ts';
import { auditor, doorOf, type Installation, keeperOf, startInstallation } from './installation.ts';

const policy = `version: 1
trust_invoker: true
repositories:
  infra-live:
    url: git@gitlab.example.com:acme/infra.git
    deploy_key: arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf
    known_hosts: gitlab.example.com ssh-ed25519 AAAA
    rules:
      - {name: plan, allow: [plan], refs: [refs/heads/**], paths: [prod/**]}
`;
const wanted = JSON.stringify({ command: 'plan', path: 'prod/vpc', ref: 'main' });
const anyRun = `r_${'a'.repeat(26)}`;

describe.skipIf(requires('aws', 'terraform', 'aws provider'))('the functions', { timeout: 120_000 }, () => {
  let aws: Installation;
  beforeAll(async () => {
    aws = await startInstallation();
    await setPolicy(policy);
  }, 120_000);
  afterAll(() => aws?.stop());

  const setPolicy = (Body: string) =>
    aws.s3().send(new PutObjectCommand({ Bucket: aws.rendered.buckets.policy.name, Key: 'allowlist.yaml', Body }));

  interface Answered {
    readonly status: number;
    readonly body: { readonly error?: { readonly code: string; readonly requestId: string } } & Record<string, unknown>;
    /** The invocation's own id, and what it printed, as its caller may have it shown. */
    readonly requestId: string | undefined;
    readonly log: string;
  }
  const invoke = async (name: 'deploy' | 'worker' | 'audit', event: unknown): Promise<Answered> => {
    const { rendered, front } = aws;
    const role = name === 'audit' ? auditor : rendered.roles[name === 'deploy' ? 'ci' : 'worker-lambda-plan']?.arn;
    const client = new LambdaClient(clientFor(front.url, front.issue(role ?? ''), rendered.region));
    const {
      Payload,
      LogResult = '',
      FunctionError,
      $metadata,
    } = await client.send(
      new InvokeCommand({
        FunctionName: doorOf(rendered, name).aliasArn,
        Payload: Buffer.from(JSON.stringify(event)),
        LogType: 'Tail',
      }),
    );
    const text = Buffer.from(Payload ?? []).toString();
    if (FunctionError !== undefined) throw new Error(text);
    const log = Buffer.from(LogResult, 'base64').toString();
    return { ...(JSON.parse(text) as Pick<Answered, 'status' | 'body'>), requestId: $metadata.requestId, log };
  };
  /** The lines of ours between the platform's. */
  const said = ({ log }: Answered): Record<string, unknown>[] =>
    log
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as Record<string, unknown>);
  const createRun = () => invoke('deploy', { operation: 'createRun', request: wanted });
  const wakeKeeper = () => aws.front.deliver(`${keeperOf(aws.rendered)}:live`, { source: 'aws.events', detail: {} });
  const trail = async (): Promise<readonly AuditEntry[]> => {
    const { body } = await invoke('audit', { operation: 'listAudit', request: '{}' });
    return (body as unknown as { entries: AuditEntry[] }).entries;
  };

  test('take a run, tell of it, and cancel it', async () => {
    const { status, body } = await createRun();
    expect(status).toBe(202);
    const { run, runKey } = body as unknown as { run: { id: string }; runKey: string };
    const request = JSON.stringify({ id: run.id });
    expect(await invoke('deploy', { operation: 'getRun', request, runKey })).toMatchObject({
      status: 200,
      body: { id: run.id },
    });
    expect(await invoke('audit', { operation: 'getRun', request })).toMatchObject({
      status: 200,
      body: { id: run.id },
    });
    expect(await invoke('deploy', { operation: 'cancelRun', request, runKey })).toMatchObject({
      status: 202,
      body: { state: 'canceled' },
    });
  });

  test('say in their log what they refuse, under the id that AWS gave the invocation', async () => {
    const events = [
      ['deploy', { operation: 'createRun', request: '{}' }, 400],
      ['deploy', { version: '2.0', requestContext: {}, body: '{}' }, 400],
      ['deploy', { operation: 'getRun', request: JSON.stringify({ id: anyRun }), runKey: 'k_wrong' }, 404],
      ['worker', { operation: 'heartbeat', request: '{}', token: `${anyRun}.x` }, 401],
      ['audit', { operation: 'getRun', request: JSON.stringify({ id: anyRun }) }, 404],
    ] as const;
    for (const [name, event, status] of events) {
      const answered = await invoke(name, event);
      const { requestId, body } = answered;
      expect(answered.status).toBe(status);
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
      expect(body.error?.requestId).toBe(requestId);
      expect(said(answered)).toEqual([{ level: 'warn', event: 'denied', requestId, status, code: body.error?.code }]);
    }
  });

  test('decide nothing where nobody could ask, and say why in the log', async () => {
    await setPolicy(policy.replace('trust_invoker: true\n', ''));
    const answered = await createRun();
    expect(answered).toMatchObject({ status: 503, body: { error: { code: 'E_POLICY_UNAVAILABLE' } } });
    expect(said(answered)[0]).toMatchObject({
      event: 'policy-broken',
      requestId: answered.requestId,
      problems: ['nobody could ask: there are no issuers; fix: add `issuers`, or `trust_invoker: true`'],
    });
    await setPolicy(policy);
    expect((await createRun()).status).toBe(202);
  });

  test('let auditors check the trail, which shows what was written by nobody of ours', async () => {
    await createRun();
    await invoke('deploy', { operation: 'createRun', request: '{' });
    const check = async (query: object = {}) =>
      (await invoke('audit', { operation: 'verifyAudit', request: JSON.stringify(query) })).body;
    const whole = await check();
    const entries = await trail();
    const last = entries.at(-1);
    expect(whole).toEqual({ ok: true, seq: last?.seq, hash: last?.hash });
    const first = await check({ limit: '1' });
    expect(first).toEqual({ ok: true, seq: 1, hash: entries[0]?.hash });
    expect(await check({ after: { seq: first.seq, hash: first.hash } })).toEqual(whole);
    expect(await check({ after: { seq: 1, hash: '0'.repeat(64) } })).toMatchObject({ ok: false, seq: 2 });

    const client = new DynamoDBClient(aws.admin);
    const Key = { pk: { S: 'audit' }, sk: { S: `${last?.seq}`.padStart(16, '0') } };
    const { Item } = await client.send(new GetItemCommand({ TableName: aws.rendered.table.name, Key }));
    const put = (entry: object) =>
      client.send(
        new PutItemCommand({
          TableName: aws.rendered.table.name,
          Item: { ...Item, ...Key, entry: { S: JSON.stringify(entry) } },
        }),
      );
    await put({ ...last, event: { ...last?.event, caller: 'somebody else' } });
    expect(await check()).toMatchObject({ ok: false, seq: last?.seq, why: expect.stringContaining('hash') });
    await put({ ...last, mac: 'ab'.repeat(32) });
    expect(await check()).toMatchObject({
      ok: false,
      seq: last?.seq,
      why: expect.stringContaining('holder of the key'),
    });
    await put({ ...last });
    expect(await check()).toEqual(whole);
  });

  test('keep: a round mirrors the trail, whatever has woken it', async () => {
    await createRun();
    const before = await trail();
    wakeKeeper();
    const Bucket = aws.rendered.buckets.audit.name;
    const mirrored = async (): Promise<readonly AuditEntry[]> => {
      const { Contents = [] } = await aws.s3().send(new ListObjectsV2Command({ Bucket }));
      const { Body } = await aws.s3().send(new GetObjectCommand({ Bucket, Key: Contents[0]?.Key ?? '' }));
      const lines = ((await Body?.transformToString()) ?? '').trimEnd().split('\n');
      return lines.map(line => JSON.parse(line) as AuditEntry);
    };
    await expect.poll(() => mirrored().catch(() => []), { timeout: 60_000 }).not.toEqual([]);
    expect((await mirrored()).slice(0, before.length)).toEqual(before);
    expect(verifyChain(await mirrored())).toMatchObject({ ok: true });
  });

  test('keep: a mirror that fails is told in the log, and ends no round', async () => {
    aws.front.inject('s3:ListBucket', { error: { code: 'AccessDenied', status: 403, message: 'not now' } }, 9);
    wakeKeeper();
    const log = () => aws.front.functionLog(keeperOf(aws.rendered));
    const line = /^\{"level":"error","event":"mirror-failed","requestId":"[0-9a-f-]{36}","words":".*not now/m;
    await expect.poll(log, { timeout: 60_000 }).toMatch(line);
    expect(log()).not.toContain('Invoke Error');
  });
});
