/** What CI may ask for: the body of `POST /v1/runs` and `POST /v1/decisions`, as it is written and as it is trusted. */
import { type Static, Type } from 'typebox';
import type { CanonicalPath } from '../path.ts';
import type { CanonicalRef, CommitSha } from '../ref.ts';

const closed = { additionalProperties: false } as const;

export const CommandSchema = Type.Union([Type.Literal('plan'), Type.Literal('apply')]);
export type Command = Static<typeof CommandSchema>;

export const ModeSchema = Type.Union([Type.Literal('normal'), Type.Literal('destroy'), Type.Literal('refresh-only')]);
export type Mode = Static<typeof ModeSchema>;

/** `r_` and 128 random bits in base32. A plan is named by the id of the run that made it. */
export const RunIdSchema = Type.String({ pattern: '^r_[a-z2-7]{26}$' });

export const CommitShaSchema = Type.String({ pattern: '^[0-9a-f]{40}$' });

export const RequestSchema = Type.Object(
  {
    command: CommandSchema,
    path: Type.String({ maxLength: 1024, description: 'directory of the stack, relative to the repository root' }),
    ref: Type.String({ maxLength: 1024, description: 'branch or tag, short or full, or 40 hex digits (plan only)' }),
    repo: Type.Optional(
      Type.String({ maxLength: 1024, description: "the policy's key for it or its url; left out when there is one" }),
    ),
    sha: Type.Optional(CommitShaSchema),
    planId: Type.Optional(RunIdSchema),
    mode: Type.Optional(ModeSchema),
    replace: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 100 })),
    reason: Type.Optional(Type.String({ maxLength: 1024 })),
    receipt: Type.Optional(Type.Boolean()),
    requestId: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{8,64}$' })),
  },
  closed,
);
export type RequestBody = Static<typeof RequestSchema>;

/** A request whose ref and path are canonical. Made only by `canonicalRequest`. */
export interface Request {
  readonly command: Command;
  readonly path: CanonicalPath;
  readonly ref: CanonicalRef;
  readonly repo?: string;
  readonly sha?: CommitSha;
  readonly planId?: string;
  readonly mode?: Mode;
  readonly replace?: readonly string[];
  readonly reason?: string;
  readonly receipt?: boolean;
  readonly requestId?: string;
}
