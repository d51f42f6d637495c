/** The ledger on one machine: `node:sqlite` in WAL mode, every transition durable before it is answered. */
import type { DatabaseSync } from 'node:sqlite';
import { linkEntry } from '../../policies/audit-chain.ts';
import type { AuditEntry, AuditEvent } from '../../policies/contract/audit-entry.ts';
import type { Receipt } from '../../policies/contract/receipt.ts';
import { isLive } from '../../policies/contract/run.ts';
import { macOf } from '../../policies/mac.ts';
import { receiptText, type StoredReceipt } from '../../policies/receipt.ts';
import type { Effects, Ledger, RunQuery } from '../ledger.ts';
import type { RunRecord } from '../run.ts';
import type { Keys } from '../secret.ts';

export interface SqliteLedgerParts {
  readonly database: DatabaseSync;
  readonly keys: Pick<Keys, 'audit' | 'receipt'>;
  readonly now: () => number;
}

export const ledgerTables = `
  create table if not exists runs (
    seq integer primary key autoincrement, id text not null unique, version integer not null, repo text not null,
    path text not null, state text not null, open integer not null, once text unique, record text not null) strict;
  create index if not exists open_runs on runs (open) where open = 1;
  create index if not exists runs_of_path on runs (repo, path);
  create table if not exists receipts (
    plan_id text primary key, repo text not null, path text not null, status text not null, spent_by text,
    mac text not null, receipt text not null) strict;
  create index if not exists receipts_of_path on receipts (repo, path);
  create table if not exists audit (seq integer primary key, entry text not null) strict;
`;

interface RunRow {
  readonly seq: number;
  readonly version: number;
  readonly record: string;
}

type Queued = Awaited<ReturnType<Ledger['queued']>>;

interface ReceiptRow {
  readonly receipt: string;
  readonly mac: string;
  readonly status: StoredReceipt['status'];
  readonly spent_by: string | null;
}

export function sqliteLedger({ database, keys, now }: SqliteLedgerParts): Ledger {
  const all = <Row>(sql: string, ...values: (string | number | null)[]) =>
    database.prepare(sql).all(...values) as Row[];
  const change = (sql: string, ...values: (string | number | null)[]) => database.prepare(sql).run(...values);

  const transaction = <T>(work: () => T): T => {
    database.exec('begin immediate');
    try {
      const value = work();
      database.exec('commit');
      return value;
    } catch (error) {
      if (database.isTransaction) database.exec('rollback');
      throw error;
    }
  };

  const append = (event: AuditEvent): void => {
    const [last] = all<{ entry: string }>('select entry from audit order by seq desc limit 1');
    const previous = last && (JSON.parse(last.entry) as AuditEntry);
    const entry = linkEntry(previous, new Date(now()).toISOString(), event, keys.audit);
    change('insert into audit (seq, entry) values (?, ?)', entry.seq, JSON.stringify(entry));
  };

  const keep = (receipt: Receipt): void => {
    change(
      'insert into receipts (plan_id, repo, path, status, mac, receipt) values (?, ?, ?, ?, ?, ?)',
      receipt.planId,
      receipt.repo,
      receipt.path,
      'good',
      macOf(receiptText(receipt), keys.receipt),
      JSON.stringify(receipt),
    );
  };

  /** False when the receipt is not good any more. */
  const spend = (planId: string, run: RunRecord): boolean => {
    const spent = change(
      "update receipts set status = 'spent', spent_by = ? where plan_id = ? and repo = ? and path = ? and status = 'good'",
      run.id,
      planId,
      run.repo,
      run.request.path,
    );
    if (spent.changes !== 1) return false;
    change(
      "update receipts set status = 'stale' where repo = ? and path = ? and status = 'good'",
      run.repo,
      run.request.path,
    );
    return true;
  };

  /** One writer per path, whatever a queue has made of it. */
  const isTaken = ({ id, repo, request: { path } }: RunRecord): boolean =>
    all(
      "select id from runs where open = 1 and repo = ? and path = ? and id <> ? and record ->> '$.occupied'",
      repo,
      path,
      id,
    ).length > 0;

  const store = (expectedVersion: number, next: RunRecord, effects: Effects): RunRecord | 'conflict' | 'spent' => {
    const run = { ...next, version: expectedVersion + 1 };
    const stored = change(
      'update runs set version = ?, state = ?, open = ?, record = ? where id = ? and version = ?',
      run.version,
      run.state,
      isLive(run) || run.occupied ? 1 : 0,
      JSON.stringify(run),
      run.id,
      expectedVersion,
    );
    if (stored.changes !== 1) return 'conflict';
    if (effects.spend !== undefined && !spend(effects.spend, run)) return 'spent';
    if (run.occupied && isTaken(run)) return 'conflict';
    if (effects.receipt) keep(effects.receipt);
    if (effects.audit) append(effects.audit);
    return run;
  };

  const asked = (once: string): RunRecord | undefined =>
    all<RunRow>('select seq, version, record from runs where once = ?', once).map(runOf)[0];

  return {
    create: async (run, audit) =>
      transaction(() => {
        const known = run.once === undefined ? undefined : asked(run.once);
        if (known) return { run: known, created: false };
        const inserted = change(
          'insert into runs (id, version, repo, path, state, open, once, record) values (?, 0, ?, ?, ?, 1, ?, ?)',
          run.id,
          run.repo,
          run.request.path,
          run.state,
          run.once ?? null,
          JSON.stringify(run),
        );
        append(audit);
        return { run: { ...run, seq: Number(inserted.lastInsertRowid), version: 0 }, created: true };
      }),
    get: async id => all<RunRow>('select seq, version, record from runs where id = ?', id).map(runOf)[0],
    asked: async once => asked(once),
    transition: async (expectedVersion, next, effects = {}) => {
      database.exec('begin immediate');
      try {
        const outcome = store(expectedVersion, next, effects);
        database.exec(typeof outcome === 'string' ? 'rollback' : 'commit');
        return outcome;
      } catch (error) {
        if (database.isTransaction) database.exec('rollback');
        throw error;
      }
    },
    open: async () => all<RunRow>('select seq, version, record from runs where open = 1 order by seq').map(runOf),
    openOf: async (repo, path) =>
      all<RunRow>(
        'select seq, version, record from runs where open = 1 and repo = ? and path = ? order by seq',
        repo,
        path,
      ).map(runOf),
    queued: async (user = '') =>
      all<Queued>(
        `select count(*) as "all", count(*) filter (where
           (record ->> '$.asker.identity.issuer') || ':' || (record ->> '$.asker.identity.user') = ?) as own
         from runs where open = 1 and state = 'queued'`,
        user,
      )[0] ?? { all: 0, own: 0 },
    list: async query => all<RunRow>(listSql(query), ...listValues(query)).map(runOf),
    receipt: async planId => all<ReceiptRow>('select * from receipts where plan_id = ?', planId).map(receiptOf)[0],
    receipts: async (repo, path, commit) =>
      all<ReceiptRow>(
        `select * from receipts where repo = ? and path = ? and receipt ->> '$.commit' = ?
         order by receipt ->> '$.createdAt' desc, plan_id desc limit 100`,
        repo,
        path,
        commit,
      ).map(receiptOf),
    record: async event => transaction(() => append(event)),
    audit: async (after, limit) =>
      all<{ entry: string }>('select entry from audit where seq > ? order by seq limit ?', after, limit).map(
        row => JSON.parse(row.entry) as AuditEntry,
      ),
  };
}

const runOf = (row: RunRow): RunRecord => ({
  ...(JSON.parse(row.record) as RunRecord),
  seq: row.seq,
  version: row.version,
});

const receiptOf = (row: ReceiptRow): StoredReceipt => ({
  receipt: JSON.parse(row.receipt) as Receipt,
  mac: row.mac,
  status: row.status,
  ...(row.spent_by === null ? {} : { spentBy: row.spent_by }),
});

const filters = ['repo', 'path', 'state'] as const;

const listSql = (query: RunQuery): string => {
  const wanted = [
    ...filters.filter(name => query[name] !== undefined).map(name => `${name} = ?`),
    ...(query.before === undefined ? [] : ['seq < ?']),
  ];
  const where = wanted.length === 0 ? '' : `where ${wanted.join(' and ')}`;
  return `select seq, version, record from runs ${where} order by seq desc limit ?`;
};

const listValues = (query: RunQuery): (string | number)[] => [
  ...filters.flatMap(name => query[name] ?? []),
  ...(query.before === undefined ? [] : [query.before]),
  query.limit,
];
