/** Receipts in the ledger's table. One is good until it is spent, or until another apply of its stack has begun. */
import { receiptText, type StoredReceipt } from '../../policies/receipt.ts';
import type { Effects, Ledger } from '../ledger.ts';
import type { RunRecord } from '../run.ts';
import { type KeptReceipt, receiptItem, receiptOf, text, unspent } from './dynamo-items.ts';
import { appliesKey, ofCommitKey, receiptKey, receiptsOfCommit } from './dynamo-keys.ts';
import type { Condition, Table } from './dynamo-table.ts';

export interface DynamoReceiptParts {
  readonly table: Table;
  readonly mac: (purpose: 'receipt', text: string) => Promise<string>;
}

const mostOfCommit = 100;

export function dynamoReceipts({ table, mac }: DynamoReceiptParts) {
  const kept = async (planId: string): Promise<KeptReceipt | undefined> => {
    const item = await table.get(receiptKey(planId));
    return item && receiptOf(item);
  };
  const appliesOf = async (repo: string, path: string): Promise<number> =>
    Number((await table.get(appliesKey(repo, path)))?.count ?? 0);

  const reads: Pick<Ledger, 'receipt' | 'receipts'> = {
    receipt: async planId => {
      const found = await kept(planId);
      return found && stored(found, await appliesOf(found.receipt.repo, found.receipt.path));
    },
    receipts: async (repo, path, commit) => {
      const range = { ...receiptsOfCommit(repo, path, commit), backwards: true, limit: mostOfCommit };
      const found = (await table.query(range)).map(item => receiptKey(text(item, 'plan')));
      const [receipts, applies] = [await table.getAll(found), await appliesOf(repo, path)];
      return receipts.map(item => stored(receiptOf(item), applies));
    },
  };

  /** What a transition of this run writes besides the run; `spent` where the receipt is not good any more. */
  const writes = async (run: RunRecord, { receipt, spend }: Effects) => {
    if (receipt === undefined && spend === undefined) return {};
    const { repo, request } = run;
    const before = await appliesOf(repo, request.path);
    const spent = spend === undefined ? undefined : await kept(spend);
    const isGood = spent && isOf(spent, run) && stored(spent, before).status === 'good';
    if (spend !== undefined && !isGood) return 'spent';
    // Counting makes every other receipt of the stack stale, however many there are: a transaction has at most 100 parts.
    const applies = spent ? before + 1 : before;
    const key = appliesKey(repo, request.path);
    return {
      applies: spent ? table.put(key, { count: applies }, counted(before)) : table.check(key, counted(before)),
      spent: spent && table.put(receiptKey(spent.receipt.planId), receiptItem({ ...spent, spentBy: run.id }), unspent),
      ...(receipt && {
        receipt: table.put(
          receiptKey(receipt.planId),
          receiptItem({ receipt, mac: await mac('receipt', receiptText(receipt)), applies }),
          'absent',
        ),
        ofCommit: table.put(ofCommitKey(receipt), { plan: receipt.planId }),
      }),
    };
  };

  return { reads, writes };
}

const stored = ({ receipt, mac, applies, spentBy }: KeptReceipt, begun: number): StoredReceipt =>
  spentBy === undefined
    ? { receipt, mac, status: applies === begun ? 'good' : 'stale' }
    : { receipt, mac, status: 'spent', spentBy };

const isOf = ({ receipt }: KeptReceipt, { repo, request }: RunRecord): boolean =>
  receipt.repo === repo && receipt.path === request.path;

const counted = (applies: number): Condition => (applies === 0 ? 'absent' : { count: applies });
