import { describe, expect, test } from 'vitest';
import { deriveKeys, digestOf, newRunId, newSecret, sameSecret, tokenOf } from '../../invoker/secret.ts';

describe('newRunId', () => {
  test('is `r_` and 26 letters and digits of base32', () => {
    for (let n = 0; n < 100; n++) expect(newRunId()).toMatch(/^r_[a-z2-7]{26}$/);
  });

  test('carries all of its 128 bits', () => {
    const zero = newRunId(new Uint8Array(16));
    expect(zero).toBe(`r_${'a'.repeat(26)}`);
    const ids = Array.from({ length: 128 }, (_, bit) => {
      const bytes = new Uint8Array(16);
      bytes[bit >> 3] = 1 << (bit & 7);
      return newRunId(bytes);
    });
    expect(new Set([zero, ...ids]).size).toBe(129);
    // RFC 4648: `foobar` and ten zero bytes, in lower case and without padding.
    const bytes = new Uint8Array(16);
    bytes.set(Buffer.from('foobar'));
    expect(newRunId(bytes)).toBe(`r_${'mzxw6ytboi'.padEnd(26, 'a')}`);
  });

  test('does not come twice', () => {
    expect(new Set(Array.from({ length: 1000 }, () => newRunId())).size).toBe(1000);
  });
});

test('newSecret has 256 bits, fits a bearer token, and does not come twice', () => {
  expect(Buffer.from(newSecret(), 'base64url').length).toBe(32);
  expect(newSecret()).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(new Set(Array.from({ length: 1000 }, newSecret)).size).toBe(1000);
});

test('digestOf is SHA-256 in hex, of text and bytes alike', () => {
  expect(digestOf('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(digestOf(Buffer.from('abc'))).toBe(digestOf('abc'));
});

test('sameSecret compares secrets of any length', () => {
  expect(sameSecret('abc', 'abc')).toBe(true);
  expect(sameSecret('abc', 'abd')).toBe(false);
  expect(sameSecret('abc', 'abcd')).toBe(false);
  expect(sameSecret('', 'a')).toBe(false);
});

describe('deriveKeys', () => {
  const root = new Uint8Array(32).fill(7);
  const keys = deriveKeys(root);
  const bytes = ({ audit, receipt, plan, grant }: typeof keys) => [audit, receipt, plan, grant].map(key => `${key}`);

  test('gives a key of 32 bytes for each purpose, no two the same', () => {
    expect(new Set([...bytes(keys), `${root}`]).size).toBe(5);
    for (const key of [keys.audit, keys.receipt, keys.plan, keys.grant]) expect(key.length).toBe(32);
  });

  test('gives the same keys again, and others for another root', async () => {
    const other = deriveKeys(new Uint8Array(32).fill(8));
    expect(bytes(deriveKeys(root))).toEqual(bytes(keys));
    for (const [index, key] of bytes(other).entries()) expect(key).not.toBe(bytes(keys)[index]);
    expect(await deriveKeys(root).runKey('r_a')).toBe(await keys.runKey('r_a'));
    expect(await other.runKey('r_a')).not.toBe(await keys.runKey('r_a'));
  });

  test('gives each run a key of its own, which a bearer can show', async () => {
    expect(await keys.runKey('r_a')).toMatch(/^k_[A-Za-z0-9_-]{43}$/);
    expect(await keys.runKey('r_a')).not.toBe(await keys.runKey('r_b'));
  });
});

test('a token is made of run, ticket and nonce, each of them', () => {
  const tokens = [
    ['r_a', 'ticket', 'nonce'],
    ['r_b', 'ticket', 'nonce'],
    ['r_a', 'another', 'nonce'],
    ['r_a', 'ticket', 'another'],
    ['r_a', 'nonce', 'ticket'],
  ].map(([run = '', ticket = '', nonce = '']) => tokenOf(run, ticket, nonce));
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(tokens[0]).toMatch(/^r_a\.[\w-]{43}$/);
  expect(tokenOf('r_a', 'ticket', 'nonce')).toBe(tokens[0]);
});
