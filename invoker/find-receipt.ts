/** Finds the receipt that an apply would spend, for the door where it is asked for and the door where it begins. */
import type { Result } from '../policies/contract/error.ts';
import type { Receipt } from '../policies/contract/receipt.ts';
import { receiptText, selectReceipt, type WantedReceipt } from '../policies/receipt.ts';
import type { Ledger } from './ledger.ts';
import type { Seals } from './secret.ts';

/** A plan that is named is looked up by its name alone: of another stack, it is refused as that and not as missing. */
export async function findReceipt(
  ledger: Pick<Ledger, 'receipt' | 'receipts'>,
  wanted: WantedReceipt,
  { isReceiptMac }: Pick<Seals, 'isReceiptMac'>,
): Promise<Result<Receipt>> {
  const named = wanted.planId === undefined ? undefined : await ledger.receipt(wanted.planId);
  const { repo, path, commit } = wanted;
  const ofCommit = named || commit === undefined ? [] : await ledger.receipts(repo, path, commit);
  const stored = named ? [named] : ofCommit;
  const checked = stored.map(async one => ({
    ...one,
    isGenuine: await isReceiptMac(one.mac, receiptText(one.receipt)),
  }));
  return selectReceipt(await Promise.all(checked), wanted);
}
