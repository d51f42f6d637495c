/** What the audit door does: reading, and nothing else. */
import { type Static, Type } from 'typebox';
import type { AuditEntry } from '../policies/contract/audit-entry.ts';
import { type Run, StateSchema } from '../policies/contract/run.ts';
import type { Ledger } from './ledger.ts';
import { publicRun } from './public-run.ts';
import { place } from './queue.ts';
import { verifyTrail } from './verify-trail.ts';

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

/** `after` is how the check before this one has ended. */
export const AuditCheckSchema = Type.Object(
  {
    after: Type.Optional(
      Type.Object({ seq: Type.Integer({ minimum: 0 }), hash: Type.String({ pattern: '^[0-9a-f]{64}$' }) }, closed),
    ),
    limit: Type.Optional(number),
  },
  closed,
);

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
    const entries = await ledger.audit(Number(after ?? 0), entriesOf(limit));
    return { entries: within(entries) };
  },
});

/** Where a part of the trail ends, once each of its entries was found as it was written; or which is not, and why. */
export type VerifyAudit = (query: Static<typeof AuditCheckSchema>) => ReturnType<typeof verifyTrail>;

/** `isAuditMac` says whether the holder of the key has made this code of a hash. */
export const auditCheck =
  (ledger: Pick<Ledger, 'audit'>, isAuditMac: Parameters<typeof verifyTrail>[1]): VerifyAudit =>
  async ({ after, limit }) =>
    verifyTrail(await ledger.audit(after?.seq ?? 0, entriesOf(limit)), isAuditMac, after);

const entriesOf = (limit: string | undefined): number => Math.min(Number(limit ?? maxEntries), maxEntries);

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
