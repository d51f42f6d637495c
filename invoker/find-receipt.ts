/** Finds the receipt that an apply would spend, for the door where it is asked for and the door where it begins. */
import type { Result } from '../policies/contract/error.ts';
import type { Receipt } from '../policies/contract/receipt.ts';
import { selectReceipt, type WantedReceipt } from '../policies/receipt.ts';
import type { Ledger } from './ledger.ts';

/** A plan that is named is looked up by its name alone: of another stack, it is refused as that and not as missing. */
export async function findReceipt(
  ledger: Pick<Ledger, 'receipt' | 'receipts'>,
  wanted: WantedReceipt,
  key: Uint8Array,
): Promise<Result<Receipt>> {
  const named = wanted.planId === undefined ? undefined : await ledger.receipt(wanted.planId);
  return selectReceipt(named ? [named] : await ledger.receipts(wanted.repo, wanted.path), wanted, key);
}
