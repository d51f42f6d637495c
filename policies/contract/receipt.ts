/** The record of a saved plan that may be applied: what it was made from, and by whom it was asked for. */
import { type Static, Type } from 'typebox';
import { ModeSchema } from './request.ts';

export const ReceiptSchema = Type.Object(
  {
    planId: Type.String(),
    repo: Type.String(),
    path: Type.String(),
    ref: Type.String(),
    commit: Type.String(),
    mode: ModeSchema,
    planDigest: Type.String({ description: 'SHA-256 of the plan file, hex' }),
    planSize: Type.Integer({ description: 'bytes' }),
    tool: Type.Object({ binary: Type.String(), version: Type.String() }),
    lockDigest: Type.Optional(Type.String({ description: 'SHA-256 of .terraform.lock.hcl, hex' })),
    stateLineage: Type.Optional(Type.String()),
    stateSerial: Type.Optional(Type.Integer()),
    caller: Type.String(),
    user: Type.Optional(Type.String({ description: 'who asked, as `issuer:user`, where a token said so' })),
    createdAt: Type.String(),
    expiresAt: Type.String(),
  },
  { additionalProperties: false },
);
export type Receipt = Static<typeof ReceiptSchema>;
