/** The one place that turns refusals and failures into HTTP answers. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Reason } from '../policies/asker.ts';
import { type ErrorBody, errorCatalog, type Problem } from '../policies/contract/error.ts';

/** Thrown by a route to refuse: the only exception whose words reach a caller. */
export class DoorError extends Error {
  readonly problem: Problem;
  readonly reasons: readonly Reason[];

  constructor(problem: Problem, reasons: readonly Reason[] = []) {
    super(problem.message);
    this.problem = problem;
    this.reasons = reasons;
  }
}

export const statusOf = (problem: Problem): number => {
  const entry = errorCatalog[problem.code];
  // A problem that only a run can end with, met at a door, is a refusal of what the worker asked.
  return 'status' in entry ? entry.status : 403;
};

export function errorBody(problem: Problem, requestId: string, reasons: readonly Reason[] = []): ErrorBody {
  const { code, message, fix } = problem;
  return {
    error: {
      code,
      message,
      ...(fix === undefined ? {} : { fix }),
      requestId,
      ...(reasons.length === 0 ? {} : { details: { reasons: [...reasons] } }),
    },
  };
}

export const wrongMediaType: Problem = {
  code: 'E_MEDIA_TYPE',
  message: 'the content type is not accepted',
  fix: 'send `application/json`, in UTF-8 and not compressed',
};

/** What of any thrown thing may be told. Everything unexpected is a 500 that says only that. */
export function problemOf(error: FastifyError | DoorError): Problem {
  if (error instanceof DoorError) return error.problem;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { code: 'E_TOO_LARGE', message: 'the body is too large' };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return wrongMediaType;
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return { code: 'E_BAD_REQUEST', message: 'the request cannot be read' };
  return { code: 'E_INTERNAL', message: 'the server failed', fix: "look for the request id in the server's log" };
}

export function answerError(error: FastifyError | DoorError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  if (problem.code === 'E_INTERNAL') request.log.error({ err: error }, 'request failed');
  const reasons = error instanceof DoorError ? error.reasons : [];
  reply.code(statusOf(problem)).send(errorBody(problem, request.id, reasons));
}

/** Answers a refused result by throwing; what is left is the value. */
export function orThrow<T>(result: { ok: true; value: T } | { ok: false; problem: Problem }): T {
  if (!result.ok) throw new DoorError(result.problem);
  return result.value;
}
