/** One entry of the audit trail. Entries form a chain: each carries the hash of the one before it. */
import { type Static, Type } from 'typebox';

/** What is recorded; `kind` says which of the other fields are there. */
export const AuditEventSchema = Type.Object(
  {
    kind: Type.Enum(['refused', 'accepted', 'started', 'resolved', 'applying', 'cancel', 'ended', 'policy']),
    caller: Type.String(),
    user: Type.Optional(Type.String({ description: 'who asked, as `issuer:user`, where a token said so' })),
    requestId: Type.Optional(Type.String({ description: 'of the HTTP request' })),
    run: Type.Optional(Type.String()),
    command: Type.Optional(Type.String()),
    repo: Type.Optional(Type.String()),
    path: Type.Optional(Type.String()),
    ref: Type.Optional(Type.String()),
    commit: Type.Optional(Type.String()),
    planId: Type.Optional(Type.String()),
    rule: Type.Optional(Type.String()),
    policyDigest: Type.Optional(Type.String({ description: 'SHA-256 of the policy file in force, hex' })),
    state: Type.Optional(Type.String()),
    code: Type.Optional(Type.String()),
    bodyDigest: Type.Optional(Type.String({ description: 'SHA-256 of a body that could not be read, hex' })),
  },
  { additionalProperties: false },
);
export type AuditEvent = Static<typeof AuditEventSchema>;

export const AuditEntrySchema = Type.Object(
  {
    seq: Type.Integer({ minimum: 1 }),
    at: Type.String(),
    event: AuditEventSchema,
    previous: Type.String({ description: 'hash of the entry before, 64 zeros for the first' }),
    hash: Type.String({ description: 'SHA-256 of the canonical JSON of seq, at, event and previous, hex' }),
    mac: Type.String({ description: 'HMAC-SHA-256 of hash with the audit key, hex' }),
  },
  { additionalProperties: false },
);
export type AuditEntry = Static<typeof AuditEntrySchema>;

export const AuditListSchema = Type.Object({ entries: Type.Array(AuditEntrySchema) });
