/** The audit door: reading, and nothing else. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AuditListSchema } from '../../policies/contract/audit-entry.ts';
import { ErrorSchema } from '../../policies/contract/error.ts';
import { type Run, RunListSchema, StateSchema } from '../../policies/contract/run.ts';
import type { App } from '../app.ts';
import { bearerOf, principalOf, type Tokens, unauthenticated } from '../bearer.ts';
import { DoorError } from '../errors.ts';
import type { Ledger } from '../ledger.ts';
import { publicRun } from '../public-run.ts';
import { place } from '../queue.ts';

export interface AuditDoorParts {
  readonly ledger: Ledger;
  readonly tokens: Tokens;
}

const errors = { '4xx': ErrorSchema, '5xx': ErrorSchema };
const number = Type.String({ pattern: '^[0-9]{1,12}$' });
const closed = { additionalProperties: false } as const;
/** Keeps an answer under 1 MB. */
const maxRuns = 200;
const maxEntries = 500;
const answerBytes = 900_000;

export function auditDoor({ ledger, tokens }: AuditDoorParts) {
  const check = (request: FastifyRequest): void => {
    const { kind } = principalOf(bearerOf(request), tokens);
    if (kind !== 'audit')
      throw new DoorError({
        ...unauthenticated,
        message: 'this needs the audit token',
        fix: 'take `tokens.audit` of `server.json` in the data directory',
      });
  };

  return async (app: App): Promise<void> => {
    const runQuery = Type.Object(
      {
        repo: Type.Optional(Type.String({ maxLength: 256 })),
        path: Type.Optional(Type.String({ maxLength: 512 })),
        state: Type.Optional(StateSchema),
        limit: Type.Optional(number),
      },
      closed,
    );
    app.get(
      '/v1/runs',
      { schema: { summary: 'runs, newest first', querystring: runQuery, response: { 200: RunListSchema, ...errors } } },
      async request => {
        check(request);
        const { limit, ...query } = request.query;
        const open = await ledger.open();
        const runs = await ledger.list({ ...query, limit: Math.min(Number(limit ?? 50), maxRuns) });
        return { runs: within(runs.map(run => withoutChanges(publicRun(run, place(open, run.id))))) };
      },
    );

    const auditQuery = Type.Object({ after: Type.Optional(number), limit: Type.Optional(number) }, closed);
    app.get(
      '/v1/audit',
      {
        schema: {
          summary: 'the audit trail, oldest first',
          querystring: auditQuery,
          response: { 200: AuditListSchema, ...errors },
        },
      },
      async request => {
        check(request);
        const { after, limit } = request.query;
        const entries = await ledger.audit(Number(after ?? 0), Math.min(Number(limit ?? maxEntries), maxEntries));
        return { entries: within(entries) };
      },
    );
  };
}

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
