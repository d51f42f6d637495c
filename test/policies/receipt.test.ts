import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../policies/contract/receipt.ts';
import { isMacOf, macOf } from '../../policies/mac.ts';
import { receiptText, type StoredReceipt, selectReceipt } from '../../policies/receipt.ts';

const key = Buffer.from('a key of the door');
const now = '2026-05-03T12:00:00.000Z';
const commit = 'a'.repeat(40);
const receipt: Receipt = {
  ...{ planId: 'r_one', repo: 'infra', path: 'prod/vpc', ref: 'refs/heads/main', commit, mode: 'normal' },
  ...{ planDigest: 'd'.repeat(64), planSize: 10, tool: { binary: 'terraform', version: '1.11.4' }, caller: 'ci' },
  ...{ createdAt: '2026-05-03T11:00:00.000Z', expiresAt: '2026-05-04T11:00:00.000Z' },
};
const wanted = { repo: 'infra', path: 'prod/vpc', commit, now };

const store = (change: Partial<Receipt> = {}, state: Partial<StoredReceipt> = {}): StoredReceipt => {
  const changed = { ...receipt, ...change };
  return { receipt: changed, mac: macOf(receiptText(changed), key), status: 'good', ...state };
};
/** As whoever holds the key finds them. */
const checked = (stored: readonly StoredReceipt[]) =>
  stored.map(one => ({ ...one, isGenuine: isMacOf(one.mac, receiptText(one.receipt), key) }));
const codeOf = (stored: readonly StoredReceipt[], want: Parameters<typeof selectReceipt>[1]) => {
  const selected = selectReceipt(checked(stored), want);
  return selected.ok ? selected.value.planId : selected.problem.code;
};

describe('the code of a receipt', () => {
  test('is the same for the same receipt in another order of keys', () => {
    const turned: Receipt = Object.assign({ expiresAt: receipt.expiresAt }, receipt);
    expect(Object.keys(turned)).not.toEqual(Object.keys(receipt));
    expect(receiptText(turned)).toBe(receiptText(receipt));
  });

  test('changes with every field and with the key', () => {
    const changes = Object.keys(receipt).map(field => macOf(receiptText({ ...receipt, [field]: 'other' }), key));
    const all = [macOf(receiptText(receipt), key), macOf(receiptText(receipt), Buffer.from('another key')), ...changes];
    expect(new Set(all).size).toBe(all.length);
    for (const mac of all) expect(mac).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('selectReceipt by its id', () => {
  const named = { ...wanted, planId: 'r_one' };

  test('finds the one that is named among others', () => {
    expect(codeOf([store({ planId: 'r_two' }), store()], named)).toBe('r_one');
  });

  test('needs no commit', () => {
    const { commit: _, ...anyCommit } = named;
    expect(codeOf([store()], anyCommit)).toBe('r_one');
  });

  test.each<[string, StoredReceipt, string]>([
    ['is not there', store({ planId: 'r_two' }), 'E_PLAN_MISSING'],
    ['is of another repository', store({ repo: 'other' }), 'E_PLAN_OTHER_STACK'],
    ['is of another path', store({ path: 'prod' }), 'E_PLAN_OTHER_STACK'],
    ['was made from another commit', store({ commit: 'b'.repeat(40) }), 'E_PLAN_OTHER_COMMIT'],
    ['was applied', store({}, { status: 'spent', spentBy: 'r_apply' }), 'E_PLAN_USED'],
    ['was overtaken', store({}, { status: 'stale' }), 'E_PLAN_STALE'],
    ['ends now', store({ expiresAt: now }), 'E_PLAN_EXPIRED'],
    ['ends at no time that can be read', store({ expiresAt: 'never' }), 'E_PLAN_EXPIRED'],
    ['was changed in the store', { ...store(), receipt: { ...receipt, planSize: 11 } }, 'E_PLAN_DAMAGED'],
    ['has a cut mac', { ...store(), mac: store().mac.slice(1) }, 'E_PLAN_DAMAGED'],
  ])('refuses a plan that %s', (_, stored, code) => {
    expect(codeOf([stored], named)).toBe(code);
  });

  test('says what to do, and which run applied it', () => {
    const by = (state: Partial<StoredReceipt>) =>
      selectReceipt(checked([store({}, { status: 'spent', ...state })]), named);
    expect(by({ spentBy: 'r_apply' })).toEqual({
      ok: false,
      problem: {
        code: 'E_PLAN_USED',
        message: 'plan r_one was applied already by run r_apply',
        fix: 'plan it, look at the plan, then apply: infra-deployer --command plan --path prod/vpc',
      },
    });
    expect(by({})).toMatchObject({ problem: { message: 'plan r_one was applied already' } });
  });
});

describe('selectReceipt without an id', () => {
  const spent = store({ planId: 'r_spent' }, { status: 'spent' });
  const stale = store({ planId: 'r_stale' }, { status: 'stale' });
  const expired = store({ planId: 'r_old', expiresAt: now });
  const damaged: StoredReceipt = { ...store({ planId: 'r_bad' }), mac: '' };
  const others = [store({ repo: 'x' }), store({ path: 'prod' }), store({ commit: 'b'.repeat(40) })];

  test('takes the one good plan of this stack and commit', () => {
    expect(codeOf([spent, stale, expired, damaged, ...others, store()], wanted)).toBe('r_one');
  });

  test.each<[string, readonly StoredReceipt[], string]>([
    ['used', [damaged, expired, stale, spent], 'E_PLAN_USED'],
    ['stale', [damaged, expired, stale], 'E_PLAN_STALE'],
    ['expired', [damaged, expired], 'E_PLAN_EXPIRED'],
    ['damaged', [damaged], 'E_PLAN_DAMAGED'],
    ['missing', others, 'E_PLAN_MISSING'],
  ])('says %s when no good plan is left', (_, stored, code) => {
    expect(codeOf(stored, wanted)).toBe(code);
  });

  test('refuses to choose between two, and names both', () => {
    expect(selectReceipt(checked([store(), store({ planId: 'r_two' })]), wanted)).toEqual({
      ok: false,
      problem: {
        code: 'E_PLAN_AMBIGUOUS',
        message: 'prod/vpc has 2 plans of this commit',
        fix: 'name one with --plan-id: r_one, r_two',
      },
    });
  });

  test('takes none where the commit is not known', () => {
    const { commit: _, ...anyCommit } = wanted;
    expect(codeOf([store()], anyCommit)).toBe('E_PLAN_MISSING');
  });
});
