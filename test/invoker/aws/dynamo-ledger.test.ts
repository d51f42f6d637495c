import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../../../invoker/ledger.ts';
import type { RunRecord } from '../../../invoker/run.ts';
import { verifyTrail } from '../../../invoker/verify-trail.ts';
import { verifyChain } from '../../../policies/audit-chain.ts';
import type { AuditEvent } from '../../../policies/contract/audit-entry.ts';
import { requires } from '../../support/requirements.ts';
import { ledgerContract } from '../ledger-contract.ts';
import { queuedRun, t0 } from '../sample-run.ts';
import { newStores, type OnDynamo, startOnDynamo } from './on-dynamo.ts';

describe.skipIf(requires('aws'))('on AWS', () => {
  let aws: OnDynamo;
  beforeAll(async () => {
    aws = await startOnDynamo();
  }, 60_000);
  afterAll(() => aws?.stop());

  ledgerContract('the ledger on DynamoDB', async () => {
    const { ledger, open, isMac } = await newStores(aws);
    return { ledger, isMac, afterPowerCut: async () => open(), close: () => undefined };
  });

  const event = (run: RunRecord, kind: AuditEvent['kind'] = 'accepted'): AuditEvent => ({
    kind,
    caller: run.caller,
    run: run.id,
  });
  const kinds = async (ledger: Ledger) => (await ledger.audit(0, 1000)).map(entry => entry.event.kind);

  test('twenty writers at once all come through, and leave one chain', async () => {
    const { ledger, isMac } = await newStores(aws);
    const runs = Array.from({ length: 20 }, (_, n) => queuedRun({ path: `prod/stack-${n}` }));
    const created = await Promise.all(runs.map(run => ledger.create(run, event(run))));
    const entries = await ledger.audit(0, 1000);
    expect(verifyChain(entries)).toMatchObject({ ok: true, seq: 20 });
    expect(await verifyTrail(entries, (mac, hash) => isMac('audit', mac, hash))).toMatchObject({ ok: true });
    expect(created.map(({ run }) => run.seq).sort((a, b) => a - b)).toEqual(entries.map(({ seq }) => seq));
    expect((await ledger.open()).map(({ id }) => id)).toEqual(entries.map(({ event }) => event.run));
  }, 120_000);

  test.each(['lost', 'in the way', 'in progress', 'throttled'] as const)(
    'what is first answered with "%s" is done once, and told as done',
    async mishap => {
      const { ledger } = await newStores(aws);
      const run = queuedRun({ requestId: 'job-302-plan' });
      aws.dynamo.befall(mishap, 2);
      const { run: stored, created } = await ledger.create(run, event(run));
      expect(created).toBe(true);
      aws.dynamo.befall(mishap, 2);
      expect(await ledger.transition(0, stored, { audit: event(run, 'started') })).toEqual({ ...stored, version: 1 });
      expect(await kinds(ledger)).toEqual(['accepted', 'started']);
    },
  );

  test('a request that nothing could be added to any more is refused', async () => {
    const { ledger } = await newStores(aws);
    const run = { ...queuedRun(), asker: { planners: [randomBytes(64 * 1024).toString('base64')] } };
    await expect(ledger.create(run, event(run))).rejects.toMatchObject({ problem: { code: 'E_TOO_LARGE' } });
    expect(await kinds(ledger)).toEqual([]);
  });

  test('a heartbeat writes one item', async () => {
    const { ledger } = await newStores(aws);
    const run = queuedRun();
    const { run: stored } = await ledger.create(run, event(run));
    const before = aws.dynamo.transactions.length;
    await ledger.transition(0, { ...stored, leaseUntil: t0 });
    expect(aws.dynamo.transactions.slice(before)).toEqual([{ items: 1 }]);
  });
});
