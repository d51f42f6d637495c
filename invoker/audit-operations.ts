/** What the audit door does: reading, and nothing else. */
import { type Static, Type } from 'typebox';
import type { AuditEntry } from '../policies/contract/audit-entry.ts';
import { type Run, StateSchema } from '../policies/contract/run.ts';
import type { Ledger } from './ledger.ts';
import { publicRun } from './public-run.ts';
import { place } from './queue.ts';

const number = Type.String({ pattern: '^[0-9]{1,12}$' });
const closed = { additionalProperties: false } as const;
/** Keeps an answer under 1 MB. */
const maxRuns = 200;
const maxEntries = 500;
const answerBytes = 900_000;

export const RunQuerySchema = Type.Object(
  {
    repo: Type.Optional(Type.String({ maxLength: 256 })),
    path: Type.Optional(Type.String({ maxLength: 512 })),
    state: Type.Optional(StateSchema),
    limit: Type.Optional(number),
  },
  closed,
);

export const AuditQuerySchema = Type.Object({ after: Type.Optional(number), limit: Type.Optional(number) }, closed);

export interface AuditOperations {
  /** Newest first. */
  readonly listRuns: (query: Static<typeof RunQuerySchema>) => Promise<{ runs: Run[] }>;
  /** Oldest first. */
  readonly listAudit: (query: Static<typeof AuditQuerySchema>) => Promise<{ entries: AuditEntry[] }>;
}

export const auditOperations = (ledger: Ledger): AuditOperations => ({
  listRuns: async ({ limit, ...query }) => {
    const open = await ledger.open();
    const runs = await ledger.list({ ...query, limit: Math.min(Number(limit ?? 50), maxRuns) });
    return { runs: within(runs.map(run => withoutChanges(publicRun(run, place(open, run.id))))) };
  },
  listAudit: async ({ after, limit }) => {
    const entries = await ledger.audit(Number(after ?? 0), Math.min(Number(limit ?? maxEntries), maxEntries));
    return { entries: within(entries) };
  },
});

/** As many as fit into one answer. */
function within<T>(items: readonly T[]): T[] {
  let size = 0;
  return items.filter(item => {
    size += Buffer.byteLength(JSON.stringify(item)) + 1;
    return size < answerBytes;
  });
}

/** A list says how much a run changed; what it changed is told of one run at a time. */
const withoutChanges = ({ changes: _changes, ...run }: Run): Run => run;
