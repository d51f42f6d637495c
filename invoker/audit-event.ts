/** What the audit trail says of a run: the same fields in every entry about it. */
import type { AuditEvent } from '../policies/contract/audit-entry.ts';
import { userOf } from '../policies/contract/identity.ts';
import { isLive } from '../policies/contract/run.ts';
import type { RunRecord } from './run.ts';

/** `more` overrides, for an entry that somebody else than the run's caller caused. */
export const auditEvent = (kind: AuditEvent['kind'], run: RunRecord, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind,
  caller: run.caller,
  ...(run.asker.identity ? { user: userOf(run.asker.identity) } : {}),
  run: run.id,
  command: run.request.command,
  repo: run.repo,
  path: run.request.path,
  ref: run.ref ?? run.request.ref,
  rule: run.rule,
  ...(run.commit === undefined ? {} : { commit: run.commit }),
  ...(run.planId === undefined ? {} : { planId: run.planId }),
  ...(isLive(run) ? {} : { state: run.state }),
  ...(run.error ? { code: run.error.code } : {}),
  ...more,
});
