/** The audit door over HTTP, behind its own token. */
import type { FastifyRequest } from 'fastify';
import { AuditListSchema } from '../../policies/contract/audit-entry.ts';
import { ErrorSchema } from '../../policies/contract/error.ts';
import { RunListSchema } from '../../policies/contract/run.ts';
import type { App } from '../app.ts';
import { type AuditOperations, AuditQuerySchema, RunQuerySchema } from '../audit-operations.ts';
import { bearerOf, principalOf, type Tokens, unauthenticated } from '../bearer.ts';
import { DoorError } from '../errors.ts';

export interface AuditDoorParts {
  readonly operations: AuditOperations;
  readonly tokens: Tokens;
}

const errors = { '4xx': ErrorSchema, '5xx': ErrorSchema };

export function auditDoor({ operations, tokens }: AuditDoorParts) {
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
    app.get(
      '/v1/runs',
      {
        schema: {
          summary: 'runs, newest first',
          querystring: RunQuerySchema,
          response: { 200: RunListSchema, ...errors },
        },
      },
      async request => {
        check(request);
        return operations.listRuns(request.query);
      },
    );

    app.get(
      '/v1/audit',
      {
        schema: {
          summary: 'the audit trail, oldest first',
          querystring: AuditQuerySchema,
          response: { 200: AuditListSchema, ...errors },
        },
      },
      async request => {
        check(request);
        return operations.listAudit(request.query);
      },
    );
  };
}
