/** What the audit trail says of a request that was refused: who, why, and of what, as far as that could be read. */
import { Type } from 'typebox';
import { bodyReader } from '../policies/body.ts';
import type { AuditEvent } from '../policies/contract/audit-entry.ts';
import type { ErrorCode } from '../policies/contract/error.ts';
import { userOf } from '../policies/contract/identity.ts';
import type { Request } from '../policies/contract/request.ts';
import { canonicalRequest } from '../policies/request.ts';
import type { Who } from './bearer.ts';
import { digestOf } from './secret.ts';

export interface Refused {
  readonly requestId: string;
  readonly code: ErrorCode;
  readonly who: Who;
  /** As it came; empty where nothing was read. */
  readonly body: Uint8Array | string;
}

export function refusal({ requestId, code, who, body }: Refused, policyDigest: string | undefined): AuditEvent {
  const asked = canonicalBody(body);
  return {
    kind: 'refused',
    caller: who.caller,
    ...(who.identity ? { user: userOf(who.identity) } : {}),
    requestId,
    code,
    ...(policyDigest === undefined ? {} : { policyDigest }),
    ...(asked
      ? {
          command: asked.command,
          path: asked.path,
          ref: asked.ref.text,
          ...(asked.repo === undefined ? {} : { repo: asked.repo.slice(0, 256) }),
        }
      : { bodyDigest: digestOf(body) }),
  };
}

const readAnything = bodyReader(Type.Unknown());

/** Only what is canonical is written out in the audit trail; anything else appears as a digest. */
function canonicalBody(bytes: Uint8Array | string): Request | undefined {
  const json = readAnything(bytes);
  if (!json.ok || typeof json.value !== 'object' || json.value === null) return undefined;
  const { command, path, ref, repo } = json.value as Record<string, unknown>;
  if ((command !== 'plan' && command !== 'apply') || typeof path !== 'string' || typeof ref !== 'string')
    return undefined;
  const result = canonicalRequest({ command, path, ref, ...(typeof repo === 'string' ? { repo } : {}) });
  return result.ok ? result.value : undefined;
}
