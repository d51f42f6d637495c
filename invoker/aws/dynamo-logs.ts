/** Logs while they are live, in the ledger's table: batches of lines, which go by themselves once they lie elsewhere. */
import type { LogLine } from '../../policies/contract/run.ts';
import type { Logs } from '../ledger.ts';
import { contended, settled } from './contention.ts';
import { bytes } from './dynamo-items.ts';
import { linesFrom, linesKey, linesPlace } from './dynamo-keys.ts';
import type { Attributes, Table } from './dynamo-table.ts';
import { packed, unpacked } from './packed.ts';

export interface DynamoLogsParts {
  readonly table: Table;
  readonly now: () => number;
}

/** By then every run has long ended, and its log was copied. */
const keptMs = 14 * 24 * 60 * 60 * 1000;
/** An item has at most 400 KB, and a batch that nothing can shorten about 1 MB. */
const partBytes = 256 * 1024;
/** Items that are read first: followers want what is new, which is little. */
const firstItems = 2;

export function dynamoLogs({ table, now }: DynamoLogsParts): Logs {
  return {
    append: (run, seq, lines) => {
      const batch = packed(lines);
      const parts = Math.max(1, Math.ceil(batch.length / partBytes));
      const expires = Math.ceil((now() + keptMs) / 1000);
      const writes = Array.from({ length: parts }, (_, part) => {
        const data = batch.subarray(part * partBytes, (part + 1) * partBytes);
        return [`part ${part}`, table.put(linesKey(run, seq, part), { parts, data, expires }, 'absent')] as const;
      });
      const before = seq === 0 ? undefined : table.check(linesKey(run, seq - 1, 0), 'present');
      return settled(async () => {
        const refused = await table.write({ before, ...Object.fromEntries(writes) });
        if (refused === undefined || refused.has('part 0')) return true;
        return refused.has('before') ? false : contended;
      });
    },

    read: async (run, cursor, most) => {
      const lines: LogLine[] = [];
      let [next, size] = [cursor, 0];
      // Twice as many each time: what is read beyond a page, and again for the next, is little beside the page itself.
      for (let limit = firstItems; ; limit *= 2) {
        const items = await table.query({ ...linesFrom(run, next), limit });
        const kept = items.filter(({ expires }) => Number(expires) * 1000 > now());
        const isGap = kept[0]?.sk !== linesPlace(next, 0);
        for (const text of batchesFrom(kept, next)) {
          const length = Buffer.byteLength(text);
          if (size > 0 && size + length > most) return { lines, cursor: next, more: true };
          size += length;
          next += 1;
          for (const line of JSON.parse(text) as LogLine[]) lines.push(line);
        }
        if (isGap || items.length < limit) return { lines, cursor: next, more: false };
      }
    },
  };
}

/** Those that are there whole, from `first` on, without a gap: what has expired goes in no order. Unpacked as they are taken. */
function* batchesFrom(items: readonly Attributes[], first: number): Generator<string> {
  for (let [at, seq] = [0, first]; at < items.length; seq += 1) {
    const parts = items.slice(at, at + Number(items[at]?.parts));
    const isWhole = parts.every(({ sk }, part) => sk === linesPlace(seq, part));
    if (!isWhole || parts.length !== items[at]?.parts) return;
    yield unpacked(Buffer.concat(parts.map(part => bytes(part, 'data'))));
    at += parts.length;
  }
}
