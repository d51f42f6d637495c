/** A worker claims its run: the ticket is spent, and the policy as it is now decides whether the run may begin at all. */
import type { Static } from 'typebox';
import type { Problem } from '../policies/contract/error.ts';
import type { Claimed, ClaimSchema } from '../policies/contract/worker.ts';
import { canonicalPath } from '../policies/path.ts';
import { stackSettings } from '../policies/stack.ts';
import { auditEvent } from './audit-event.ts';
import { unauthenticated } from './bearer.ts';
import { beginning } from './beginning.ts';
import { DoorError, orThrow } from './errors.ts';
import { awaits, claim, deny } from './run.ts';
import { digestOf, newSecret, tokenOf } from './secret.ts';
import { update } from './update.ts';
import type { WorkerDoorParts } from './worker-operations.ts';
import { longestRunMs } from './worker-time.ts';

export function claiming(parts: WorkerDoorParts): (asked: Static<typeof ClaimSchema>) => Promise<Claimed> {
  const { ledger, credentials, now, wake, leaseMs, heartbeatMs, graceMs } = parts;
  const { allowed } = beginning(parts);

  const denied = async (id: string, problem: Problem): Promise<never> => {
    await update(
      ledger,
      id,
      run => deny(run, problem, now()),
      run => ({ audit: auditEvent('ended', run) }),
    );
    await wake();
    throw new DoorError(problem);
  };

  // Told again with the same nonce before anything else was heard of the worker, a claim is answered again.
  return async ({ run: id, ticket, nonce = newSecret() }) => {
    const token = tokenOf(id, ticket, nonce);
    const hashes = { ticket: digestOf(ticket), token: digestOf(token) };
    const run = await ledger.get(id);
    if (run === undefined || !awaits(run, hashes, now())) throw new DoorError(unauthenticated);
    const repository = await allowed(run);
    if (!repository.ok) return denied(id, repository.problem);
    const session = await credentials.ofSource(run, repository.value);
    if (!session.ok) return denied(id, session.problem);
    const path = orThrow(canonicalPath(run.request.path));
    const { minutes, binary } = stackSettings(repository.value, path);
    const deadlineMs = Math.min(minutes * 60_000, longestRunMs(run.worker, graceMs));
    const claimed = orThrow(
      await update(
        ledger,
        id,
        run => claim(run, hashes, now(), { leaseMs, deadlineMs, binary }),
        run => ({ audit: auditEvent('started', run) }),
      ),
    );
    return {
      token,
      run: id,
      command: claimed.request.command,
      mode: claimed.request.mode ?? 'normal',
      request: claimed.request,
      repoName: claimed.repo,
      policy: repository.value.body,
      asker: claimed.asker,
      ...(claimed.wanted === undefined ? {} : { commit: claimed.wanted }),
      ...(session.value === undefined ? {} : { session: session.value }),
      leaseMs,
      heartbeatMs,
      deadlineMs: Math.max(0, (claimed.deadline ?? 0) - now()),
      graceMs,
    };
  };
}
