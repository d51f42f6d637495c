/** The mirror of the audit trail in a bucket with Object Lock: whole, whatever happens to those who write it. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { auditMirror, mirrorKey } from '../../../invoker/aws/audit-mirror.ts';
import { linkEntry, verifyChain } from '../../../policies/audit-chain.ts';
import type { AuditEntry } from '../../../policies/contract/audit-entry.ts';
import { requires } from '../../support/requirements.ts';
import { type Installation, startInstallation } from './installation.ts';

const key = new Uint8Array(32).fill(7);

describe.skipIf(requires('aws', 'terraform', 'aws provider'))('the audit mirror', { timeout: 120_000 }, () => {
  let aws: Installation;
  let trail: AuditEntry[];
  beforeAll(async () => {
    aws = await startInstallation();
  }, 120_000);
  afterAll(() => aws?.stop());

  const bucket = () => aws.rendered.buckets.audit.name;
  beforeEach(async () => {
    trail = [];
    // Locks hold, so tests hide what those before them wrote, as an attacker would.
    for (const Key of await keys()) await aws.s3().send(new DeleteObjectCommand({ Bucket: bucket(), Key }));
  });

  const grow = (count: number): void => {
    for (let more = 0; more < count; more += 1)
      trail.push(linkEntry(trail.at(-1), '2026-01-01T00:00:00.000Z', { kind: 'refused', caller: `c${more}` }, key));
  };
  const ledger = {
    audit: async (after: number, limit: number) => trail.filter(({ seq }) => seq > after).slice(0, limit),
  };
  const keeper = (of = ledger) => auditMirror({ client: aws.s3('keeper'), bucket: bucket(), ledger: of });
  const keys = async (): Promise<string[]> => {
    const { Contents = [] } = await aws.s3().send(new ListObjectsV2Command({ Bucket: bucket() }));
    return Contents.flatMap(({ Key }) => Key ?? []);
  };
  const entriesOf = async (Key: string): Promise<AuditEntry[]> => {
    const { Body } = await aws.s3().send(new GetObjectCommand({ Bucket: bucket(), Key }));
    const text = (await Body?.transformToString()) ?? '';
    return text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as AuditEntry);
  };
  /** Every entry once, in order. */
  const mirrored = async (): Promise<AuditEntry[]> => {
    const all = (await Promise.all((await keys()).map(entriesOf))).flat();
    return [...new Map(all.map(entry => [entry.seq, entry])).values()].sort((a, b) => a.seq - b.seq);
  };

  test('holds the trail, round after round, and nothing twice', async () => {
    for (const count of [3, 0, 1, 40]) {
      grow(count);
      await keeper()();
    }
    expect((await Promise.all((await keys()).map(entriesOf))).flat()).toHaveLength(44);
    expect(await mirrored()).toEqual(trail);
    expect(verifyChain(await mirrored(), key)).toMatchObject({ ok: true, seq: 44 });
    expect(await keys()).toHaveLength(3);
  });

  test('of nothing is nothing', async () => {
    await keeper()();
    expect(await keys()).toEqual([]);
  });

  test('takes many entries in one round, and more than one round holds in the next', async () => {
    grow(500 * 20 + 1);
    await keeper()();
    expect((await mirrored()).at(-1)?.seq).toBe(10_000);
    await keeper()();
    expect(await mirrored()).toEqual(trail);
  });

  test('is whole when a keeper dies in the middle', async () => {
    grow(1200);
    aws.front.inject('s3:PutObject', { delayMs: 0 }, 1);
    aws.front.inject('s3:PutObject', { error: { code: 'InternalError', status: 500 } }, 1);
    await expect(keeper()()).rejects.toThrow();
    expect((await mirrored()).at(-1)?.seq).toBe(500);
    await keeper()();
    expect(await mirrored()).toEqual(trail);
  });

  test('is whole when two keepers write at once, one of them slowly', async () => {
    grow(700);
    let seen = () => {};
    const entered = new Promise<void>(resolve => {
      seen = resolve;
    });
    let go = () => {};
    const gate = new Promise<void>(resolve => {
      go = resolve;
    });
    const slow = keeper({
      audit: async (after, limit) => {
        const entries = await ledger.audit(after, limit);
        seen();
        await gate;
        return entries;
      },
    })();
    await entered;
    grow(5);
    await keeper()();
    grow(5);
    go();
    await Promise.all([slow, keeper()()]);
    await keeper()();
    expect(await mirrored()).toEqual(trail);
  });

  test('is written anew where somebody hides the newest', async () => {
    grow(5);
    await keeper()();
    grow(5);
    await keeper()();
    const [newest = ''] = await keys();
    await aws.s3().send(new DeleteObjectCommand({ Bucket: bucket(), Key: newest }));
    await keeper()();
    expect(await mirrored()).toEqual(trail);
  });

  test('stops and says so where the ledger was put back to an earlier time, however much was added since', async () => {
    grow(3);
    await keeper()();
    const before = await mirrored();
    trail = trail.slice(0, 1);
    for (const count of [0, 1, 1, 1]) {
      for (let more = 0; more < count; more += 1)
        trail.push(linkEntry(trail.at(-1), '2026-01-02T00:00:00.000Z', { kind: 'refused', caller: 'later' }, key));
      await expect(keeper()()).rejects.toThrow('the ledger does not have entry 3 as it was mirrored');
    }
    expect(await mirrored()).toEqual(before);
  });

  test('stops and says so at an object that is none of it', async () => {
    grow(1);
    await aws
      .s3()
      .send(new PutObjectCommand({ Bucket: bucket(), Key: 'entries/000', Body: 'x', ChecksumAlgorithm: 'SHA256' }));
    await expect(keeper()()).rejects.toThrow('entries/000 is not an object of the audit mirror');
  });

  test('is locked, and what was written is what was sent', async () => {
    grow(1);
    await keeper()();
    const [Key = ''] = await keys();
    const head = await aws.s3().send(new HeadObjectCommand({ Bucket: bucket(), Key, ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ObjectLockMode: 'COMPLIANCE', ChecksumSHA256: expect.stringMatching(/=$/) });
    const { Versions = [] } = await aws.s3().send(new ListObjectVersionsCommand({ Bucket: bucket(), Prefix: Key }));
    const version = { Bucket: bucket(), Key, VersionId: Versions[0]?.VersionId };
    await expect(aws.s3().send(new DeleteObjectCommand(version))).rejects.toThrow();
    await expect(aws.s3('keeper').send(new DeleteObjectCommand({ Bucket: bucket(), Key }))).rejects.toThrow(
      /not authorized/,
    );
  });

  test('is written by the keeper alone', async () => {
    grow(1);
    for (const role of ['deploy', 'worker', 'audit', 'run'] as const)
      await expect(auditMirror({ client: aws.s3(role), bucket: bucket(), ledger })(), role).rejects.toThrow(
        /not authorized/,
      );
  });
});

test('the newest object of the mirror comes first', () => {
  const spans = [
    [1, 9],
    [10, 10],
    [11, 99_999],
    [100_000, 999_999_999_998],
  ] as const;
  const hash = 'f'.repeat(64);
  const keys = spans.map(([first, last]) => mirrorKey({ seq: first }, { seq: last, hash }));
  expect([...keys].sort()).toEqual([...keys].reverse());
});
