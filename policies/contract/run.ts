/** A run as callers, auditors and the CLI see it. Fields may be added; none of these changes. */
import { type Static, Type } from 'typebox';
import { CommandSchema, ModeSchema } from './request.ts';

export const stateNames = [
  'queued',
  'starting',
  'running',
  'succeeded',
  'failed',
  'canceled',
  'timed_out',
  'lost',
] as const;
export const StateSchema = Type.Enum(stateNames);
export type State = (typeof stateNames)[number];

/** What a run is doing, in order; a plan never reaches `apply`, an apply never reaches `plan`. */
export const phaseNames = ['queue', 'worker', 'source', 'gate', 'init', 'plan', 'apply', 'finish'] as const;
export const PhaseSchema = Type.Enum(phaseNames);
export type Phase = (typeof phaseNames)[number];

/** Counts of resources; a replaced resource counts as `replace` only. */
export const CountsSchema = Type.Object(
  {
    create: Type.Integer({ minimum: 0 }),
    update: Type.Integer({ minimum: 0 }),
    delete: Type.Integer({ minimum: 0 }),
    replace: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);
export type Counts = Static<typeof CountsSchema>;

export const ChangeSchema = Type.Object(
  {
    address: Type.String({ maxLength: 1024 }),
    action: Type.Enum(['create', 'update', 'delete', 'replace']),
  },
  { additionalProperties: false },
);
export type Change = Static<typeof ChangeSchema>;

const time = Type.String({ description: 'UTC, RFC 3339 with milliseconds' });

export const RunSchema = Type.Object({
  id: Type.String(),
  command: CommandSchema,
  mode: ModeSchema,
  repo: Type.String({ description: "the policy's name for the repository" }),
  requestedRef: Type.String(),
  ref: Type.Optional(Type.String({ description: 'full name, once resolved' })),
  commit: Type.Optional(Type.String()),
  tip: Type.Optional(Type.String({ description: 'what the ref pointed at when it was resolved' })),
  path: Type.String(),
  state: StateSchema,
  phase: PhaseSchema,
  position: Type.Optional(Type.Integer({ description: 'runs of the same path ahead in the queue' })),
  ahead: Type.Optional(Type.Array(Type.String(), { description: 'their ids, first to end first' })),
  terraformStarted: Type.Boolean(),
  rule: Type.String({ description: 'the rule that allowed it' }),
  caller: Type.String({ description: 'who asked' }),
  planId: Type.Optional(Type.String({ description: 'plan: this run, once its plan may be applied; apply: the plan' })),
  hasChanges: Type.Optional(Type.Boolean({ description: 'the plan would change something, outputs included' })),
  counts: Type.Optional(CountsSchema),
  changes: Type.Optional(Type.Array(ChangeSchema)),
  tool: Type.Optional(Type.Object({ binary: Type.String(), version: Type.Optional(Type.String()) })),
  serial: Type.Optional(
    Type.Object(
      { before: Type.Optional(Type.Integer()), after: Type.Optional(Type.Integer()) },
      {
        description: "the state's serial number, read from plan and state",
      },
    ),
  ),
  exitCode: Type.Optional(Type.Integer({ description: 'what the CLI ends with; present once the run has ended' })),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), fix: Type.Optional(Type.String()) })),
  createdAt: time,
  startedAt: Type.Optional(time),
  endedAt: Type.Optional(time),
  worker: Type.Optional(Type.String({ description: 'what runs it: process, lambda or fargate' })),
  timings: Type.Record(Type.String(), Type.Number(), { description: 'milliseconds spent in each finished phase' }),
});
export type Run = Static<typeof RunSchema>;

export const CreatedSchema = Type.Object({ run: RunSchema, runKey: Type.String() });
export type Created = Static<typeof CreatedSchema>;

/** One line of the tool's output, without its line end; control characters other than colours are gone. */
export const LogLineSchema = Type.Object(
  { phase: PhaseSchema, text: Type.String({ maxLength: 65536 }) },
  { additionalProperties: false },
);
export type LogLine = Static<typeof LogLineSchema>;

/** `run` is the run as of this answer; ask again with `cursor`, not before `pollMs` have passed, until there is `end`. */
export const LogsSchema = Type.Object({
  lines: Type.Array(LogLineSchema),
  cursor: Type.String(),
  pollMs: Type.Integer(),
  run: RunSchema,
  end: Type.Optional(Type.Object({ state: StateSchema, exitCode: Type.Integer() })),
});
export type Logs = Static<typeof LogsSchema>;

export const RunListSchema = Type.Object({ runs: Type.Array(RunSchema) });

const live: ReadonlySet<State> = new Set(['queued', 'starting', 'running']);
export const isLive = (run: { readonly state: State }): boolean => live.has(run.state);
