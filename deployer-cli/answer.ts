/** Tells whether an answer has what the CLI relies on; by hand, since a schema library costs a third of the start. */
import type { ErrorBody } from '../policies/contract/error.ts';
import type { Created, Logs, Run } from '../policies/contract/run.ts';

export const isRun = (body: unknown): body is Run => fits(body, run);

export const isCreated = (body: unknown): body is Created => fits(body, { run, runKey: text });

export const isLogs = (body: unknown): body is Logs => fits(body, logs);

export const isRunList = (body: unknown): body is { runs: Run[] } => fits(body, { runs: listOf(run) });

/** What a door answers to an invocation: status and body as over HTTP. */
export const isDoorAnswer = (value: unknown): value is { status: number; body: unknown } =>
  fits(value, { status: whole });

export const isErrorBody = (body: unknown): body is ErrorBody => fits(body, errorBody);

type Shape = ((value: unknown) => boolean) | { readonly [key: string]: Shape };

/** Fields the shape does not know are fine: a newer server may add some. */
function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === 'function') return shape(value);
  if (typeof value !== 'object' || value === null) return false;
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(value));
  return Object.entries(shape).every(([key, part]) => fits(fields.get(key), part));
}

const text = (value: unknown) => typeof value === 'string';
const whole = (value: unknown) => Number.isSafeInteger(value);
const flag = (value: unknown) => typeof value === 'boolean';
const optional = (shape: Shape) => (value: unknown) => value === undefined || fits(value, shape);
const listOf = (shape: Shape) => (value: unknown) => Array.isArray(value) && value.every(item => fits(item, shape));
const numbers = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.values(value).every(item => typeof item === 'number');

const run: Shape = {
  id: text,
  command: text,
  mode: text,
  repo: text,
  requestedRef: text,
  ref: optional(text),
  commit: optional(text),
  tip: optional(text),
  path: text,
  state: text,
  phase: text,
  position: optional(whole),
  ahead: optional(listOf(text)),
  terraformStarted: flag,
  rule: text,
  caller: text,
  planId: optional(text),
  hasChanges: optional(flag),
  counts: optional({ create: whole, update: whole, delete: whole, replace: whole }),
  changes: optional(listOf({ address: text, action: text })),
  worker: optional(text),
  tool: optional({ binary: text, version: optional(text) }),
  serial: optional({ before: optional(whole), after: optional(whole) }),
  exitCode: optional(whole),
  error: optional({ code: text, message: text, fix: optional(text) }),
  createdAt: text,
  startedAt: optional(text),
  endedAt: optional(text),
  timings: numbers,
};

const logs: Shape = {
  lines: listOf({ phase: text, text }),
  cursor: text,
  pollMs: whole,
  run,
  end: optional({ state: text, exitCode: whole }),
};

const errorBody: Shape = {
  error: {
    code: text,
    message: text,
    fix: optional(text),
    requestId: text,
    details: optional({ reasons: optional(listOf({ message: text, rule: optional(text) })) }),
  },
};
