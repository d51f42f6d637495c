/** What the audit trail says of a request that was refused: who, why, and of what, as far as that could be read. */
import type { FastifyError, FastifyRequest } from 'fastify';
import type { AuditEvent } from '../policies/contract/audit-entry.ts';
import { type Identity, userOf } from '../policies/contract/identity.ts';
import type { Request } from '../policies/contract/request.ts';
import { canonicalRequest } from '../policies/request.ts';
import { type DoorError, problemOf } from './errors.ts';
import { digestOf } from './secret.ts';

/** Somebody who asks: a machine's token has no identity. */
export interface Who {
  readonly caller: string;
  readonly identity?: Identity;
}

export function refusal(
  error: FastifyError | DoorError,
  request: FastifyRequest,
  { caller, identity }: Who,
  policyDigest: string,
): AuditEvent {
  const body = canonicalBody(request.body);
  return {
    kind: 'refused',
    caller,
    ...(identity ? { user: userOf(identity) } : {}),
    requestId: request.id,
    code: problemOf(error).code,
    policyDigest,
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
