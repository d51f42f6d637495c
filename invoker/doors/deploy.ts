/** The deploy door over HTTP: CI asks here, follows its own run and cancels it. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { DecisionSchema } from '../../policies/contract/decision.ts';
import { ErrorSchema } from '../../policies/contract/error.ts';
import { RequestSchema } from '../../policies/contract/request.ts';
import { CreatedSchema, LogsSchema, RunSchema } from '../../policies/contract/run.ts';
import { canonicalRequest } from '../../policies/request.ts';
import type { App } from '../app.ts';
import { askerOf, bearerOf, nobodyKnown, type Principal, principalOf, type Tokens, type Who } from '../bearer.ts';
import type { DeployOperations } from '../deploy-operations.ts';
import { orThrow, problemOf } from '../errors.ts';
import type { VerifyToken } from '../identity/verify.ts';
import { CursorSchema, RunParametersSchema } from '../run-reading.ts';

export interface DeployDoorParts {
  readonly operations: DeployOperations;
  readonly tokens: Tokens;
  readonly verify: VerifyToken;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is asking, once that is known: for the audit trail of what is refused then. */
    caller?: Who;
  }
}

const errors = { '4xx': ErrorSchema, '5xx': ErrorSchema };

export function deployDoor({ operations, tokens, verify }: DeployDoorParts) {
  const principal = (request: FastifyRequest): Principal => principalOf(bearerOf(request), tokens);
  const whoAsks = async (request: FastifyRequest) => orThrow(await askerOf(bearerOf(request), tokens, verify));

  return async (app: App): Promise<void> => {
    app.post(
      '/v1/runs',
      {
        schema: {
          summary: 'ask for a plan or an apply',
          body: RequestSchema,
          response: { 202: CreatedSchema, ...errors },
        },
        errorHandler: async (error, request, reply) => {
          const { id: requestId, caller: who = callerOf(principal(request)), rawBody: body = '' } = request;
          await operations.recordRefusal({ requestId, code: problemOf(error).code, who, body });
          app.errorHandler(error, request, reply);
        },
      },
      async (request, reply) => {
        const asked = orThrow(canonicalRequest(request.body));
        const who = await whoAsks(request);
        // The refusals below are of somebody known.
        request.caller = who;
        const created = await operations.createRun(asked, who, request.id);
        reply.code(202);
        return created;
      },
    );

    app.post(
      '/v1/decisions',
      {
        schema: {
          summary: 'what the policy says of a request; nothing starts',
          body: RequestSchema,
          response: { 200: DecisionSchema, ...errors },
        },
      },
      async request => {
        const asked = orThrow(canonicalRequest(request.body));
        return operations.decide(asked, await whoAsks(request));
      },
    );

    const params = RunParametersSchema;
    app.get(
      '/v1/runs/:id',
      { schema: { summary: 'one run', params, response: { 200: RunSchema, ...errors } } },
      async request => operations.getRun(request.params.id, principal(request)),
    );

    const querystring = Type.Object({ cursor: Type.Optional(CursorSchema) }, { additionalProperties: false });
    app.get(
      '/v1/runs/:id/logs',
      {
        schema: {
          summary: "the tool's output from a cursor on",
          params,
          querystring,
          response: { 200: LogsSchema, ...errors },
        },
      },
      async request => operations.getLogs(request.params.id, request.query.cursor, principal(request)),
    );

    app.post(
      '/v1/runs/:id/cancel',
      { schema: { summary: 'cancel a run', params, response: { 202: RunSchema, ...errors } } },
      async (request, reply) => {
        const run = await operations.cancelRun(request.params.id, principal(request), request.id);
        reply.code(202);
        return run;
      },
    );
  };
}

const callerOf = (principal: Principal): Who =>
  principal.kind === 'deploy' || principal.kind === 'audit' ? { caller: principal.caller } : nobodyKnown;
