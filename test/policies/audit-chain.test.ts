import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linkEntry, verifyChain } from '../../policies/audit-chain.ts';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';

const key = Buffer.from('a key that no worker holds');
const at = '2026-05-03T12:00:00.000Z';

function chain(length: number, macKey: Uint8Array = key): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let index = 0; index < length; index++) {
    entries.push(linkEntry(entries.at(-1), at, { kind: 'accepted', caller: 'ci', run: `r_${index}` }, macKey));
  }
  return entries;
}

describe('linkEntry', () => {
  test('starts from 64 zeros and continues from the hash before', () => {
    const [first, second] = chain(2);
    expect(first).toMatchObject({ seq: 1, previous: '0'.repeat(64), at, event: { kind: 'accepted', run: 'r_0' } });
    expect(second).toMatchObject({ seq: 2, previous: first?.hash });
    expect(first?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(first?.mac).toMatch(/^[0-9a-f]{64}$/);
  });

  test('hashes the same whatever the order of the keys', () => {
    const [one, other] = [
      linkEntry(undefined, at, { kind: 'accepted', caller: 'ci' }, key),
      linkEntry(undefined, at, { caller: 'ci', kind: 'accepted' }, key),
    ];
    expect(one).toEqual(other);
  });
});

describe('verifyChain', () => {
  test('takes a chain as it was written, and says where it ends', () => {
    const entries = chain(3);
    expect(verifyChain(entries, key)).toEqual({ ok: true, seq: 3, hash: entries[2]?.hash });
    expect(verifyChain([])).toEqual({ ok: true, seq: 0, hash: '0'.repeat(64) });
  });

  test('continues after an entry that was verified before', () => {
    const entries = chain(3);
    expect(verifyChain(entries.slice(1), key, entries[0])).toMatchObject({ ok: true, seq: 3 });
    expect(verifyChain(entries.slice(2), key, entries[0])).toEqual({ ok: false, seq: 2, why: 'entry 2 is missing' });
  });

  test('survives JSON', () => {
    expect(verifyChain(JSON.parse(JSON.stringify(chain(3))), key).ok).toBe(true);
  });

  test('finds an entry that is missing', () => {
    const [first, , third] = chain(3);
    const kept = [first, third].flatMap(entry => (entry ? [entry] : []));
    expect(verifyChain(kept)).toEqual({ ok: false, seq: 2, why: 'entry 2 is missing' });
  });

  test('finds entries from another chain', () => {
    const other = linkEntry({ seq: 1, hash: 'f'.repeat(64) }, at, { kind: 'ended', caller: 'x' }, key);
    expect(verifyChain([...chain(1), other], key)).toEqual({
      ok: false,
      seq: 2,
      why: 'it does not continue the entry before',
    });
  });

  test('finds a chain that somebody without the key wrote anew, where the key is at hand', () => {
    const forged = chain(2, Buffer.from('a guess'));
    expect(verifyChain(forged).ok).toBe(true);
    expect(verifyChain(forged, key)).toEqual({ ok: false, seq: 1, why: 'it was not written by the holder of the key' });
  });

  test('finds any byte that was changed', () => {
    const text = JSON.stringify(chain(2));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'0aZ"'), (place, byte) => {
        const changed = text.slice(0, place) + byte + text.slice(place + 1);
        fc.pre(changed !== text);
        expect(survives(changed)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

/** Changed bytes that are no JSON any more are found by whoever reads it. */
function survives(text: string): boolean {
  try {
    return verifyChain(JSON.parse(text), key).ok;
  } catch {
    return false;
  }
}
