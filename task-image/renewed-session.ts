/** A session that is renewed when somebody asks for it and not much of it is left. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../policies/contract/worker.ts';

/** SDKs ask again when five minutes are left, so it must be new by then. */
const soonMs = 10 * 60_000;
/** From a renewal that failed to the next. */
const retryMs = 5000;
/** Longer no SDK waits; what there is may still be good. */
const patienceMs = 2500;

/** Undefined once it has expired and no other could be had. `ask` is never called twice at a time. */
export function renewedSession(
  first: Session,
  ask: () => Promise<Session>,
  now: () => number = Date.now,
): () => Promise<Session | undefined> {
  let session = first;
  let since = now();
  let retryAt = 0;
  let asking: Promise<void> | undefined;

  const left = (): number => Date.parse(session.expiresAt) - now();

  /** In its last third, or in its last ten minutes; of a session that is short, not in its first third. */
  const isDue = (): boolean => {
    const lifeMs = Date.parse(session.expiresAt) - since;
    return left() < Math.max(lifeMs / 3, Math.min(soonMs, (lifeMs * 2) / 3)) && now() >= retryAt;
  };

  const renew = async (): Promise<void> => {
    try {
      session = await ask();
      since = now();
    } catch {
      retryAt = now() + retryMs;
    } finally {
      asking = undefined;
    }
  };

  return async () => {
    if (asking || isDue()) {
      asking ??= renew();
      await Promise.race([asking, sleep(patienceMs, undefined, { ref: false })]);
    }
    return left() > 0 ? session : undefined;
  };
}
