/** How runs, receipts and audit entries are written down in the table. Pure. */
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import { userOf } from '../../policies/contract/identity.ts';
import type { Receipt } from '../../policies/contract/receipt.ts';
import { DoorError } from '../errors.ts';
import type { RunRecord } from '../run.ts';
import type { Attributes } from './dynamo-table.ts';
import { packed, unpacked } from './packed.ts';

/**
 * An item has at most 400 KB. What a run gains once it was accepted, its changes and its error, is bound by what a report
 * may say, and less than the difference: a run that was accepted can always be written down.
 */
const [newRunBytes, runBytes] = [64 * 1024, 256 * 1024];

export function runItem(run: RunRecord): Attributes {
  const record = packed(run);
  if (run.version === 0 && record.length > newRunBytes)
    throw new DoorError({ code: 'E_TOO_LARGE', message: 'the request does not fit into the ledger' });
  if (record.length > runBytes) throw new Error(`run ${run.id} does not fit into the ledger`);
  return { version: run.version, record };
}

export const runOf = (item: Attributes): RunRecord => JSON.parse(unpacked(bytes(item, 'record'))) as RunRecord;

/** In a place where runs are found. */
export const placeItem = ({ id, repo, request: { path }, state, asker: { identity } }: RunRecord): Attributes => ({
  run: id,
  repo,
  path,
  state,
  ...(identity && { user: userOf(identity) }),
});

/** `applies`: how many applies of its stack had begun when it was stored. */
export interface KeptReceipt {
  readonly receipt: Receipt;
  readonly mac: string;
  readonly applies: number;
  readonly spentBy?: string;
}

/** What a receipt's item says until it is spent. */
export const unspent = { status: 'unspent' } as const;

export const receiptItem = ({ receipt, ...kept }: KeptReceipt): Attributes => ({
  ...(kept.spentBy === undefined ? unspent : { status: 'spent' }),
  ...kept,
  receipt: JSON.stringify(receipt),
});

export const receiptOf = (item: Attributes): KeptReceipt => ({
  receipt: JSON.parse(text(item, 'receipt')) as Receipt,
  mac: text(item, 'mac'),
  applies: Number(item.applies),
  ...(item.spentBy === undefined ? {} : { spentBy: text(item, 'spentBy') }),
});

export const entryItem = (entry: AuditEntry): Attributes => ({ entry: JSON.stringify(entry) });
export const entryOf = (item: Attributes): AuditEntry => JSON.parse(text(item, 'entry')) as AuditEntry;

export function text(item: Attributes, name: string): string {
  const value = item[name];
  if (typeof value !== 'string') throw new Error(`an item of the ledger has no text \`${name}\``);
  return value;
}

export function bytes(item: Attributes, name: string): Uint8Array {
  const value = item[name];
  if (!(value instanceof Uint8Array)) throw new Error(`an item of the ledger has no bytes \`${name}\``);
  return value;
}
