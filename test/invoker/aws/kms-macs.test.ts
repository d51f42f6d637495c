import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KmsKey, recordChecks, recordMacs, runKeys } from '../../../invoker/aws/kms-macs.ts';
import { newRunId } from '../../../invoker/secret.ts';
import { type Moto, startMoto } from '../../support/aws/moto.ts';
import { requires } from '../../support/requirements.ts';
import { newKey } from './on-dynamo.ts';

describe.skipIf(requires('aws'))('by keys of KMS', () => {
  let moto: Moto;
  let key: KmsKey;
  let other: KmsKey;
  beforeAll(async () => {
    moto = await startMoto();
    [key, other] = [await newKey(moto), await newKey(moto)];
  }, 60_000);
  afterAll(() => moto?.stop());

  /** What KMS was asked for with this key from now on. */
  const asked = (): string[] => {
    const calls: string[] = [];
    key.client.middlewareStack.add(
      (next, { commandName }) =>
        async args => {
          calls.push(commandName ?? '');
          return next(args);
        },
      { name: 'asked', override: true },
    );
    return calls;
  };

  test('a record is recognized by its code, whatever its length', async () => {
    for (const text of ['', 'a hash', 'long '.repeat(5000)]) {
      for (const purpose of ['audit', 'receipt'] as const) {
        const mac = await recordMacs(key).mac(purpose, text);
        expect(mac).toMatch(/^[0-9a-f]{64}$/);
        expect(await recordChecks(key)(purpose, mac, text)).toBe(true);
      }
      expect(await recordMacs(key).isReceiptMac(await recordMacs(key).mac('receipt', text), text)).toBe(true);
    }
  });

  test('a code is good for one text, one purpose and one key', async () => {
    const mac = await recordMacs(key).mac('receipt', 'a receipt');
    const audit = await recordMacs(key).mac('audit', 'a receipt');
    const bad = [
      ['receipt', mac, 'another receipt'],
      ['audit', mac, 'a receipt'],
      ['receipt', audit, 'a receipt'],
      ['receipt', await recordMacs(other).mac('receipt', 'a receipt'), 'a receipt'],
      ['receipt', mac.replace(/.$/, last => (last === '0' ? '1' : '0')), 'a receipt'],
      ['receipt', mac.toUpperCase(), 'a receipt'],
      ['receipt', `${mac}00`, 'a receipt'],
      ['receipt', mac.slice(2), 'a receipt'],
      ['receipt', '', 'a receipt'],
    ] as const;
    for (const [purpose, given, text] of bad) {
      expect([given, await recordChecks(key)(purpose, given, text)]).toEqual([given, false]);
      if (purpose === 'receipt') expect(await recordMacs(key).isReceiptMac(given, text)).toBe(false);
    }
  });

  test('who checks asks for no code, and who makes codes asks for no check', async () => {
    const calls = asked();
    const mac = await recordMacs(key).mac('audit', 'a hash');
    await recordMacs(key).isReceiptMac(mac, 'a receipt');
    expect(new Set(calls.splice(0))).toEqual(new Set(['GenerateMacCommand']));
    await recordChecks(key)('audit', mac, 'a hash');
    expect(calls).toEqual(['VerifyMacCommand']);
  });

  test('a key that is not there is a failure, not a forgery', async () => {
    const gone = { ...key, key: key.key.replace(/[0-9a-f]{8}-/, '00000000-') };
    await expect(recordChecks(gone)('audit', 'a'.repeat(64), 'a hash')).rejects.toThrow();
    await expect(recordMacs(gone).isReceiptMac('a'.repeat(64), 'a receipt')).rejects.toThrow();
    await expect(runKeys(gone).runKey('r_a')).rejects.toThrow();
  });

  test('the key of a run is the same wherever it is made, and like no other', async () => {
    const id = newRunId();
    const { runKey } = runKeys(key);
    expect(await runKey(id)).toMatch(/^k_[A-Za-z0-9_-]{43}$/);
    expect(await runKeys(key).runKey(id)).toBe(await runKey(id));
    expect(await runKeys(other).runKey(id)).not.toBe(await runKey(id));
    expect(await runKey(newRunId())).not.toBe(await runKey(id));
    const asRecord = Buffer.from(await recordMacs(key).mac('receipt', id), 'hex').toString('base64url');
    expect(`k_${asRecord}`).not.toBe(await runKey(id));
  });

  test('the key of a run is asked for once, until too many others were', async () => {
    const { runKey } = runKeys(key, 5);
    const calls = asked();
    for (let n = 0; n < 3; n += 1) await runKey('r_a');
    expect(calls.splice(0).length).toBe(1);
    for (let n = 0; n < 5; n += 1) await runKey(`r_${n}`);
    expect(calls.splice(0).length).toBe(5);
    await runKey('r_4');
    expect(calls.length).toBe(0);
    await runKey('r_a');
    expect(calls.length).toBe(1);
  });
});
