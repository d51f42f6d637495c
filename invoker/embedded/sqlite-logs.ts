/** The logs on one machine: batches of lines in the ledger's database. */
import type { DatabaseSync } from 'node:sqlite';
import type { LogLine } from '../../policies/contract/run.ts';
import type { Logs } from '../ledger.ts';

export const logTables = `
  create table if not exists logs (
    run text not null, seq integer not null, lines text not null, primary key (run, seq)) strict, without rowid;
`;

export function sqliteLogs(database: DatabaseSync): Logs {
  return {
    append: async (run, seq, lines) => {
      const count = Number(
        database.prepare('select coalesce(max(seq) + 1, 0) as n from logs where run = ?').get(run)?.n,
      );
      if (seq > count) return false;
      if (seq === count)
        database.prepare('insert into logs (run, seq, lines) values (?, ?, ?)').run(run, seq, JSON.stringify(lines));
      return true;
    },
    read: async (run, cursor, bytes) => {
      const lines: LogLine[] = [];
      let next = cursor;
      let size = 0;
      const rows = database.prepare('select seq, lines from logs where run = ? and seq >= ? order by seq');
      for (const row of rows.iterate(run, cursor)) {
        const text = String(row.lines);
        const length = Buffer.byteLength(text);
        if (size > 0 && size + length > bytes) return { lines, cursor: next, more: true };
        size += length;
        next = Number(row.seq) + 1;
        for (const line of JSON.parse(text) as LogLine[]) lines.push(line);
      }
      return { lines, cursor: next, more: false };
    },
  };
}
