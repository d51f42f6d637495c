import { expect, test } from 'vitest';
import { verifyTrail } from '../../invoker/verify-trail.ts';
import { linkEntry } from '../../policies/audit-chain.ts';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import { isMacOf } from '../../policies/mac.ts';

const [key, another] = [Buffer.from('the key'), Buffer.from('another key')];
const trail = (length: number, signer = (_: number) => key): AuditEntry[] => {
  const entries: AuditEntry[] = [];
  for (let n = 1; n <= length; n += 1)
    entries.push(linkEntry(entries.at(-1), '2026-05-03T14:00:00.000Z', { kind: 'policy', caller: `${n}` }, signer(n)));
  return entries;
};
const isAuditMac = async (mac: string, hash: string) => isMacOf(mac, hash, key);

test('a trail verifies to its end, whole or from what was checked before', async () => {
  const entries = trail(40);
  const last = entries[39];
  expect(await verifyTrail(entries, isAuditMac)).toEqual({ ok: true, seq: 40, hash: last?.hash });
  expect(await verifyTrail(entries.slice(20), isAuditMac, entries[19])).toEqual({
    ok: true,
    seq: 40,
    hash: last?.hash,
  });
  expect(await verifyTrail([], isAuditMac)).toMatchObject({ ok: true, seq: 0 });
});

test('the first entry that somebody else has written is named', async () => {
  const forged = trail(40, n => (n === 19 || n === 30 ? another : key));
  const why = 'it was not written by the holder of the key';
  expect(await verifyTrail(forged, isAuditMac)).toEqual({ ok: false, seq: 19, why });
});

test('an entry that was changed or is missing is named, and nothing after it is asked about', async () => {
  const entries = trail(40);
  const changed = entries.with(24, { ...trail(40)[24], event: { kind: 'policy', caller: 'me' } } as AuditEntry);
  const asked: string[] = [];
  const counting = async (mac: string, hash: string) => {
    asked.push(hash);
    return isAuditMac(mac, hash);
  };
  expect(await verifyTrail(changed, counting)).toMatchObject({
    ok: false,
    seq: 25,
    why: expect.stringMatching('changed'),
  });
  expect(asked.length).toBe(24);
  expect(await verifyTrail(entries.toSpliced(9, 1), isAuditMac)).toMatchObject({ ok: false, seq: 10 });
});
