/** The deploy door: CI asks here, follows its own run and cancels it. */
import type { FastifyError, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { AuditEvent } from '../../policies/contract/audit-entry.ts';
import { DecisionSchema } from '../../policies/contract/decision.ts';
import { ErrorSchema, type Problem } from '../../policies/contract/error.ts';
import { type Asker, type Identity, nobodyInParticular, userOf } from '../../policies/contract/identity.ts';
import { type Request, RequestSchema, RunIdSchema } from '../../policies/contract/request.ts';
import { CreatedSchema, LogsSchema, type Run, RunSchema } from '../../policies/contract/run.ts';
import { type Decision, evaluate, findRepository } from '../../policies/evaluate.ts';
import { explainDenial } from '../../policies/explain.ts';
import { canonicalRequest } from '../../policies/request.ts';
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
import { DoorError, orThrow, problemOf } from '../errors.ts';
import { findReceipt } from '../find-receipt.ts';
import type { VerifyToken } from '../identity/verify.ts';
import type { Ledger, Logs } from '../ledger.ts';
import { isSameRequest, onceOf } from '../once.ts';
import { plannersOf } from '../planners.ts';
import type { PolicySource } from '../policy-source.ts';
import { place } from '../queue.ts';
import { cancel, exitCodeOf, newRun, publicRun, type RunRecord } from '../run.ts';
import { digestOf, type Keys, newRunId } from '../secret.ts';
import { update } from '../update.ts';

export interface DeployDoorParts {
  readonly ledger: Ledger;
  readonly logs: Logs;
  readonly policy: PolicySource;
  readonly tokens: Tokens;
  readonly verify: VerifyToken;
  readonly keys: Pick<Keys, 'runKey' | 'receipt'>;
  readonly now: () => number;
  /** Tells the keeper that there may be something to start or to end. */
  readonly wake: () => void;
  /** How long a follower should wait before it asks again. */
  readonly pollMs: number;
  /** Runs that may wait at the same time. */
  readonly maxQueued: number;
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
  const { ledger, logs, policy, tokens, verify, keys, now, wake, pollMs, maxQueued } = parts;
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

  /** The asker as the policy needs it: who planned what is looked up only for somebody who wants to apply. */
  const askerFor = async (request: Request, identity: Identity | undefined): Promise<Asker> => {
    if (identity === undefined) return nobodyInParticular;
    const repository = findRepository(policy.current().policy, request.repo);
    const isApply = request.command === 'apply' && repository !== undefined;
    return { identity, planners: isApply ? await plannersOf(ledger, repository.name, request.path) : [] };
  };

  /** A repeated request is answered as the first time, whatever has become of policy and plan since. */
  const askedBefore = async (once: string | undefined) => {
    const run = once === undefined ? undefined : await ledger.asked(once);
    return run && { run, created: false };
  };

  const admit = async (request: Request, who: Who, once: string | undefined, requestId: string) => {
    const { policy: inForce, digest } = policy.current();
    const asker = await askerFor(request, who.identity);
    const decision = evaluate(inForce, request, asker);
    if (decision.outcome === 'deny') throw denied(request, decision.reasons);
    const { rule, refs, repository } = decision;
    const commit = await commitMeant(request, repository.name, decision.commit ?? request.sha);
    if ((await ledger.open()).filter(run => run.state === 'queued').length >= maxQueued)
      throw new DoorError({ code: 'E_BUSY', message: 'too many runs are waiting', fix: 'ask again later' });
    const run = newRun({
      id: newRunId(),
      request,
      repo: repository.name,
      refs,
      rule,
      caller: who.caller,
      asker,
      now: now(),
      ...(once === undefined ? {} : { once }),
      ...(commit === undefined ? {} : { commit }),
    });
    return ledger.create(run, auditEvent('accepted', run, { requestId, policyDigest: digest }));
  };

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
          await ledger.record(refusal(error, request, request.caller ?? callerOf(principal(request)), policy));
          app.errorHandler(error, request, reply);
        },
      },
      async (request, reply) => {
        const asked = orThrow(canonicalRequest(request.body));
        const who = await whoAsks(request);
        // The refusals below are of somebody known.
        request.caller = who;
        const once = onceOf(asked, who.identity);
        const { run, created } = (await askedBefore(once)) ?? (await admit(asked, who, once, request.id));
        if (!created && !isSameRequest(run.request, asked)) throw reusedRequestId();
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
        const decision = evaluate(policy.current().policy, asked, await askerFor(asked, identity));
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

  /** The commit that is known to be meant or, for an apply, its plan's: a plan that is missing starts no worker. */
  async function commitMeant(request: Request, repo: string, commit: string | undefined): Promise<string | undefined> {
    const { command, path, planId } = request;
    if (command === 'plan' || (planId === undefined && commit === undefined)) return commit;
    const wanted = {
      repo,
      path,
      now: new Date(now()).toISOString(),
      ...(commit === undefined ? {} : { commit }),
      ...(planId === undefined ? {} : { planId }),
    };
    return orThrow(await findReceipt(ledger, wanted, keys.receipt)).commit;
  }
}

const denied = (request: Request, reasons: Extract<Decision, { outcome: 'deny' }>['reasons']): DoorError => {
  const { message, fix } = explainDenial(request, reasons);
  const code = reasons[0]?.code ?? 'E_DENIED_BY_RULE';
  return new DoorError({ code, message, ...(fix === undefined ? {} : { fix }) }, reasons);
};

/** Somebody who asks: a machine's token has no identity. */
interface Who {
  readonly caller: string;
  readonly identity?: Identity;
}

const callerOf = (principal: Principal): Who => ({
  caller: principal.kind === 'deploy' || principal.kind === 'audit' ? principal.caller : 'nobody known',
});

function refusal(
  error: FastifyError | DoorError,
  request: FastifyRequest,
  { caller, identity }: Who,
  policy: PolicySource,
): AuditEvent {
  const problem: Problem = problemOf(error);
  const body = canonicalBody(request.body);
  return {
    kind: 'refused',
    caller,
    ...(identity ? { user: userOf(identity) } : {}),
    requestId: request.id,
    code: problem.code,
    policyDigest: policy.current().digest,
    ...(body
      ? {
          command: body.command,
          path: body.path,
          ref: body.ref.text,
          ...(body.repo === undefined ? {} : { repo: body.repo.slice(0, 256) }),
        }
      : { bodyDigest: digestOf(request.rawBody ?? '') }),
  };
}

/** Only what is canonical is written out in the audit trail; anything else appears as a digest. */
function canonicalBody(body: unknown): Request | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { command, path, ref, repo } = body as Record<string, unknown>;
  if ((command !== 'plan' && command !== 'apply') || typeof path !== 'string' || typeof ref !== 'string')
    return undefined;
  const result = canonicalRequest({ command, path, ref, ...(typeof repo === 'string' ? { repo } : {}) });
  return result.ok ? result.value : undefined;
}

const reusedRequestId = () =>
  new DoorError({
    code: 'E_REQUEST_ID_REUSED',
    message: 'this `requestId`, or this job for this path and commit, has asked for something else before',
    fix: 'use a new `requestId`, or ask from a new job',
  });
