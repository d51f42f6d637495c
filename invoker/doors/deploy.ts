/** The deploy door: CI asks here, follows its own run and cancels it. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { DecisionSchema } from '../../policies/contract/decision.ts';
import { ErrorSchema } from '../../policies/contract/error.ts';
import { RequestSchema, RunIdSchema } from '../../policies/contract/request.ts';
import { CreatedSchema, LogsSchema, type Run, RunSchema } from '../../policies/contract/run.ts';
import { canonicalRequest } from '../../policies/request.ts';
import { type AdmissionParts, admission } from '../admission.ts';
import type { App } from '../app.ts';
import { auditEvent } from '../audit-event.ts';
import {
  askerOf,
  bearerOf,
  mayCancel,
  mayRead,
  type Principal,
  principalOf,
  type Tokens,
  unauthenticated,
} from '../bearer.ts';
import { DoorError, orThrow } from '../errors.ts';
import type { VerifyToken } from '../identity/verify.ts';
import type { Logs } from '../ledger.ts';
import { exitCodeOf, publicRun } from '../public-run.ts';
import { place } from '../queue.ts';
import { refusal, type Who } from '../refusal.ts';
import { cancel, type RunRecord } from '../run.ts';
import type { Keys } from '../secret.ts';
import { update } from '../update.ts';

export interface DeployDoorParts extends AdmissionParts {
  readonly logs: Logs;
  readonly tokens: Tokens;
  readonly verify: VerifyToken;
  readonly keys: Pick<Keys, 'runKey' | 'receipt'>;
  /** Tells the keeper that there may be something to start or to end. */
  readonly wake: () => void;
  /** How long a follower should wait before it asks again. */
  readonly pollMs: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is asking, once that is known: for the audit trail of what is refused then. */
    caller?: Who;
  }
}

const errors = { '4xx': ErrorSchema, '5xx': ErrorSchema };
/** With the run beside them an answer stays under 1 MB: a batch is at most 200,000 characters. */
const logBytes = 256 * 1024;

export function deployDoor(parts: DeployDoorParts) {
  const { ledger, logs, policy, tokens, verify, keys, now, wake, pollMs } = parts;
  const { decide, admit } = admission(parts);
  const principal = (request: FastifyRequest): Principal => principalOf(bearerOf(request), tokens);

  const shown = async (run: RunRecord): Promise<Run> =>
    publicRun(run, run.state === 'queued' ? place(await ledger.open(), run.id) : undefined);

  /** The run, if it exists and the bearer may do this with it: both failures look the same. */
  const runFor = async (request: FastifyRequest, id: string, may: typeof mayRead): Promise<RunRecord> => {
    const who = principal(request);
    if (who.kind === 'nobody') throw new DoorError(unauthenticated);
    const run = await ledger.get(id);
    if (run === undefined || !may(who, run, keys, now()))
      throw new DoorError({ code: 'E_NOT_FOUND', message: 'there is no such run, or it is not yours to see' });
    return run;
  };

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
          // Intent before act, and refusals too: what cannot be recorded is answered with a failure.
          await ledger.record(
            refusal(error, request, request.caller ?? callerOf(principal(request)), policy.current().digest),
          );
          app.errorHandler(error, request, reply);
        },
      },
      async (request, reply) => {
        const asked = orThrow(canonicalRequest(request.body));
        const who = await whoAsks(request);
        // The refusals below are of somebody known.
        request.caller = who;
        const run = await admit(asked, who, request.id);
        wake();
        reply.code(202);
        return { run: await shown(run), runKey: keys.runKey(run.id) };
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
        const { identity } = await whoAsks(request);
        const decision = await decide(asked, identity);
        return decision.outcome === 'allow'
          ? { outcome: 'allow' as const, rule: decision.rule, reasons: [] }
          : { outcome: 'deny' as const, reasons: [...decision.reasons] };
      },
    );

    const params = Type.Object({ id: RunIdSchema });
    app.get(
      '/v1/runs/:id',
      { schema: { summary: 'one run', params, response: { 200: RunSchema, ...errors } } },
      async request => shown(await runFor(request, request.params.id, mayRead)),
    );

    const querystring = Type.Object(
      { cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,12}$' })) },
      { additionalProperties: false },
    );
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
      async request => {
        const from = Number(request.query.cursor ?? 0);
        // INVARIANT: the run is read before its lines: an end that is told here has no line after it.
        const run = await runFor(request, request.params.id, mayRead);
        const { lines, cursor, more } = await logs.read(run.id, from, logBytes);
        const exitCode = exitCodeOf(run);
        return {
          lines,
          cursor: String(cursor),
          pollMs: more ? 0 : pollMs,
          run: await shown(run),
          ...(exitCode === undefined || more ? {} : { end: { state: run.state, exitCode } }),
        };
      },
    );

    app.post(
      '/v1/runs/:id/cancel',
      { schema: { summary: 'cancel a run', params, response: { 202: RunSchema, ...errors } } },
      async (request, reply) => {
        const { id } = await runFor(request, request.params.id, mayCancel);
        const who = principal(request);
        const canceled = await update(
          ledger,
          id,
          run => cancel(run, now()),
          run => ({
            audit: auditEvent('cancel', run, {
              requestId: request.id,
              caller: who.kind === 'deploy' ? who.caller : `run key of ${id}`,
            }),
          }),
        );
        wake();
        reply.code(202);
        return shown(orThrow(canceled));
      },
    );
  };
}

const callerOf = (principal: Principal): Who => ({
  caller: principal.kind === 'deploy' || principal.kind === 'audit' ? principal.caller : 'nobody known',
});
