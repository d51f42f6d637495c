/** The protocol between a worker and the worker door: the same for a child process, a container and a task. */
import { type Static, Type } from 'typebox';
import { AskerSchema } from './identity.ts';
import { CommandSchema, CommitShaSchema, ModeSchema, RequestSchema, RunIdSchema } from './request.ts';
import { ChangeSchema, CountsSchema, LogLineSchema } from './run.ts';

const closed = { additionalProperties: false } as const;
const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** The bytes that a worker's request has at most. */
export const maxWorkerBodyBytes = 1024 * 1024;

/** Of a worker that never reached its door: it has done nothing, and another one may fare better. EX_TEMPFAIL of sysexits.h. */
export const unreachedExitCode = 75;

/** All that a launcher hands a worker. */
export const HandedSchema = Type.Object({ run: RunIdSchema, ticket: Type.String({ maxLength: 128 }) }, closed);

/** Trades the single-use ticket for a token that is good for this run until it ends. */
export const ClaimSchema = Type.Object(
  {
    ...HandedSchema.properties,
    nonce: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{22,86}$',
        description: 'random, and the same each time that this claim is told: its answer may get lost',
      }),
    ),
  },
  closed,
);

/** Short-lived credentials of AWS, as STS gives them. */
export const SessionSchema = Type.Object({
  accessKeyId: Type.String(),
  secretAccessKey: Type.String(),
  sessionToken: Type.String(),
  expiresAt: Type.String({ description: 'UTC, RFC 3339' }),
});
export type Session = Static<typeof SessionSchema>;

export const ClaimedSchema = Type.Object({
  token: Type.String(),
  run: Type.String(),
  command: CommandSchema,
  mode: ModeSchema,
  request: RequestSchema,
  repoName: Type.String(),
  policy: Type.Unknown({ description: 'the policy with this repository alone, checked again by the worker' }),
  asker: AskerSchema,
  commit: Type.Optional(Type.String({ description: 'the commit that is meant, where the door knows it' })),
  session: Type.Optional(
    Type.Unsafe<Session>({ ...SessionSchema, description: 'reads the secrets with the deploy keys, and nothing else' }),
  ),
  leaseMs: Type.Integer({ description: 'without an answer from the door for this long the worker stops' }),
  heartbeatMs: Type.Integer(),
  deadlineMs: Type.Integer({ description: 'from now on; then Terraform gets SIGINT' }),
  graceMs: Type.Integer({ description: 'from SIGINT to SIGKILL' }),
});
export type Claimed = Static<typeof ClaimedSchema>;

/** Every answer to a running worker may tell it to stop, and why. */
export const OrdersSchema = Type.Object({ stop: Type.Optional(Type.Literal('canceled')) });
export type Orders = Static<typeof OrdersSchema>;

/** `seq` counts the batches of a run from 0; a batch that is sent twice is stored once. */
export const LogBatchSchema = Type.Object(
  { seq: Type.Integer({ minimum: 0 }), lines: Type.Array(LogLineSchema, { maxItems: 5000 }) },
  closed,
);
export type LogBatch = Static<typeof LogBatchSchema>;

/** Sent once, before anything of the repository runs: which commit this run is about. */
export const SourceSchema = Type.Object(
  { ref: Type.String({ maxLength: 1024 }), commit: CommitShaSchema, tip: CommitShaSchema },
  closed,
);

/** For an apply: the one plan that may be applied. */
export const SourceAnswerSchema = Type.Object({
  keepPlan: Type.Boolean({ description: 'the plan may be applied later: store it' }),
  plan: Type.Optional(
    Type.Object({
      planId: Type.String(),
      url: Type.String(),
      digest: Type.String(),
      size: Type.Integer(),
      lockDigest: Type.Optional(digest),
    }),
  ),
});
export type SourceAnswer = Static<typeof SourceAnswerSchema>;

/** The worker enters a phase. Entering `apply` spends the receipt; the door may refuse it. */
export const PhaseReportSchema = Type.Object(
  { phase: Type.Enum(['source', 'gate', 'init', 'plan', 'apply', 'finish']) },
  closed,
);

/** A door takes a plan file into memory: a larger one is refused. */
const planBytes = 256 * 1024 * 1024;

export const PlanGrantSchema = Type.Object({ digest, size: Type.Integer({ minimum: 1, maximum: planBytes }) }, closed);
export const PlanGrantedSchema = Type.Object({ url: Type.String() });

/** The bytes of an archive of providers at most: one of them may have hundreds of megabytes. */
export const largestProviderArchive = 1024 ** 3;

/** Asks where providers are, and with `upload`, once and before anything of the repository runs, where to put them. */
export const ProviderCacheSchema = Type.Object(
  {
    lockDigest: digest,
    platform: Type.Enum(['linux_amd64', 'linux_arm64']),
    upload: Type.Optional(
      Type.Object({ digest, size: Type.Integer({ minimum: 1, maximum: largestProviderArchive }) }, closed),
    ),
  },
  closed,
);
export type ProviderCache = Static<typeof ProviderCacheSchema>;

/** Nothing where there is no cache. A download may be of nothing: only who tries it knows. */
export const ProviderCacheGrantSchema = Type.Object({
  download: Type.Optional(Type.String()),
  upload: Type.Optional(Type.String()),
});
export type ProviderCacheGrant = Static<typeof ProviderCacheGrantSchema>;

/** What the run may use, for as long as its lease holds: asked for again before it expires. */
export const CredentialsSchema = Type.Object({
  role: Type.Optional(Type.Unsafe<Session>({ ...SessionSchema, description: 'of the role of the stack' })),
  secrets: Type.Optional(Type.Unsafe<Session>({ ...SessionSchema, description: 'reads the `env_secrets`' })),
});
export type Credentials = Static<typeof CredentialsSchema>;

/** Where to put a state that its backend does not take; absent where the launcher finds it in the clone. */
export const ErroredStateGrantSchema = Type.Object({ url: Type.Optional(Type.String()) });

export const FinishSchema = Type.Object(
  {
    outcome: Type.Enum(['succeeded', 'failed', 'canceled', 'timed_out']),
    error: Type.Optional(
      Type.Object(
        {
          code: Type.String({ maxLength: 64 }),
          message: Type.String({ maxLength: 4096 }),
          fix: Type.Optional(Type.String({ maxLength: 4096 })),
        },
        closed,
      ),
    ),
    hasChanges: Type.Optional(Type.Boolean({ description: 'the plan would change something, outputs included' })),
    counts: Type.Optional(CountsSchema),
    changes: Type.Optional(Type.Array(ChangeSchema, { maxItems: 2000 })),
    tool: Type.Optional(
      Type.Object({ binary: Type.String({ maxLength: 32 }), version: Type.String({ maxLength: 64 }) }, closed),
    ),
    lockDigest: Type.Optional(digest),
    state: Type.Optional(
      Type.Object(
        {
          lineage: Type.Optional(Type.String({ maxLength: 128 })),
          before: Type.Optional(Type.Integer()),
          after: Type.Optional(Type.Integer()),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type Finish = Static<typeof FinishSchema>;
