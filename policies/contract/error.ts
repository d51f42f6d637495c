/** Every error a caller can meet: its code, the HTTP status it travels with, and the exit code the CLI ends with. */
import { type Static, Type } from 'typebox';

/**
 * `status` is the HTTP status at a door (absent: only a run can end with it); `exit` is the CLI's exit code.
 * Codes are stable: they are added, never renamed or given another meaning.
 */
export const errorCatalog = {
  // The request cannot be read.
  E_JSON: { status: 400, exit: 3 },
  E_SCHEMA: { status: 400, exit: 3 },
  E_REF_SYNTAX: { status: 400, exit: 3 },
  E_PATH_SYNTAX: { status: 400, exit: 3 },
  E_BAD_REQUEST: { status: 400, exit: 3 },
  E_NOT_FOUND: { status: 404, exit: 3 },
  E_TOO_LARGE: { status: 413, exit: 3 },
  E_MEDIA_TYPE: { status: 415, exit: 3 },
  E_REQUEST_ID_REUSED: { status: 409, exit: 3 },
  E_RUN_ENDED: { status: 409, exit: 3 },
  // Nobody we know is asking.
  E_UNAUTHENTICATED: { status: 401, exit: 4 },
  E_TOKEN_TOO_LARGE: { status: 401, exit: 4 },
  E_TOKEN_MALFORMED: { status: 401, exit: 4 },
  E_TOKEN_ALGORITHM: { status: 401, exit: 4 },
  E_TOKEN_HEADER: { status: 401, exit: 4 },
  E_TOKEN_ISSUER: { status: 401, exit: 4 },
  E_TOKEN_AUDIENCE: { status: 401, exit: 4 },
  E_TOKEN_KEY: { status: 401, exit: 4 },
  E_TOKEN_SIGNATURE: { status: 401, exit: 4 },
  E_TOKEN_EXPIRED: { status: 401, exit: 4 },
  E_TOKEN_NOT_YET: { status: 401, exit: 4 },
  E_TOKEN_TOO_OLD: { status: 401, exit: 4 },
  E_TOKEN_CLAIMS: { status: 401, exit: 4 },
  E_FORK_PIPELINE: { status: 401, exit: 4 },
  E_KEYS_UNAVAILABLE: { status: 503, exit: 8 },
  // We know who is asking, and it is not who may.
  E_CLAIM_NOT_ALLOWED: { status: 403, exit: 4 },
  E_MERGE_REQUEST_PIPELINE: { status: 403, exit: 4 },
  E_TOKEN_REF: { status: 403, exit: 4 },
  E_TOKEN_COMMIT: { status: 403, exit: 4 },
  E_SAME_PERSON: { status: 403, exit: 5 },
  // Policy says no.
  E_REPO_NOT_ALLOWED: { status: 403, exit: 5 },
  E_PATH_NOT_ALLOWED: { status: 403, exit: 5 },
  E_COMMAND_NOT_ALLOWED: { status: 403, exit: 5 },
  E_REF_NOT_ALLOWED: { status: 403, exit: 5 },
  E_DENIED_BY_RULE: { status: 403, exit: 5 },
  E_COMMIT_PLAN_ONLY: { status: 403, exit: 5 },
  E_MODE_NOT_ALLOWED: { status: 403, exit: 5 },
  E_REPLACE_NOT_ALLOWED: { status: 403, exit: 5 },
  E_REASON_NOT_ALLOWED: { status: 403, exit: 5 },
  E_RECEIPT_NOT_ALLOWED: { status: 403, exit: 5 },
  // The worker looked at the repository and refuses, before Terraform plans.
  E_REF_NOT_FOUND: { exit: 5 },
  E_REF_AMBIGUOUS: { exit: 5 },
  E_COMMIT_NOT_FOUND: { exit: 5 },
  E_COMMIT_NOT_REACHABLE: { exit: 5 },
  E_PATH_NOT_A_STACK: { exit: 5 },
  E_PATH_LINKED: { exit: 5 },
  E_STATE_COMMITTED: { exit: 5 },
  E_BACKEND_NOT_ALLOWED: { exit: 5 },
  E_GATE: { exit: 5 },
  // There is no plan that may be applied.
  E_PLAN_MISSING: { status: 409, exit: 6 },
  E_PLAN_AMBIGUOUS: { status: 409, exit: 6 },
  E_PLAN_USED: { status: 409, exit: 6 },
  E_PLAN_EXPIRED: { status: 409, exit: 6 },
  E_PLAN_OTHER_STACK: { status: 409, exit: 6 },
  E_PLAN_OTHER_COMMIT: { status: 409, exit: 6 },
  E_PLAN_STALE: { status: 409, exit: 6 },
  E_PLAN_DAMAGED: { status: 409, exit: 6 },
  // The run could not do its work.
  E_REPO_UNREACHABLE: { exit: 1 },
  E_HOST_KEY: { exit: 1 },
  E_DEPLOY_KEY: { exit: 1 },
  E_CREDENTIALS: { exit: 1 },
  E_GIT: { exit: 1 },
  E_BINARY_MISSING: { exit: 1 },
  E_BINARY_VERSION: { exit: 1 },
  E_LOCK_FILE: { exit: 1 },
  E_INIT: { exit: 1 },
  E_PLAN: { exit: 1 },
  E_APPLY: { exit: 1 },
  E_DISK_FULL: { exit: 1 },
  E_LIMIT: { exit: 1 },
  E_TIMED_OUT: { exit: 1 },
  E_CANCELED: { exit: 1 },
  E_WORKER_START: { exit: 1 },
  E_WORKER: { exit: 1 },
  E_LOST: { exit: 1 },
  // The server cannot answer now.
  E_BUSY: { status: 429, exit: 8 },
  E_POLICY_UNAVAILABLE: { status: 503, exit: 8 },
  E_INTERNAL: { status: 500, exit: 8 },
} as const satisfies Record<string, { status?: number; exit: number }>;

export type ErrorCode = keyof typeof errorCatalog;

/** An expected refusal or failure as a value: `message` is one sentence without a full stop, `fix` says what to do. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix?: string;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });

export const refuse = (code: ErrorCode, message: string, fix?: string): { ok: false; problem: Problem } => ({
  ok: false,
  problem: fix === undefined ? { code, message } : { code, message, fix },
});

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCatalog, code);

/** One reason of a denial. `rule` names the rule that denies, or that would allow something close to what was asked. */
export const ReasonSchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  rule: Type.Optional(Type.String()),
});

/** The body of every answer that is not a success. */
export const ErrorSchema = Type.Object({
  error: Type.Object({
    code: Type.String(),
    message: Type.String(),
    fix: Type.Optional(Type.String()),
    requestId: Type.String(),
    details: Type.Optional(Type.Object({ reasons: Type.Optional(Type.Array(ReasonSchema)) })),
  }),
});
export type ErrorBody = Static<typeof ErrorSchema>;
