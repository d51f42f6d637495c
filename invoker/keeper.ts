/** The keeper: ends what was not heard of, starts what is next, frees what is gone. Knows nothing but the ledger. */
import { isLive } from '../policies/contract/run.ts';
import { auditEvent } from './audit-event.ts';
import { afterFailedStart, inWords } from './failed-start.ts';
import type { Effects, Launcher, Ledger, NotStarted, Plans } from './ledger.ts';
import { firstInLine, hasRoom, holds, type Room } from './queue.ts';
import { expire, failToStart, type Patience, type RunRecord, release, start } from './run.ts';
import { digestOf, newSecret } from './secret.ts';
import { update } from './update.ts';

export interface KeeperParts {
  readonly ledger: Ledger;
  readonly launcher: Launcher;
  readonly plans: Plans;
  readonly now: () => number;
  readonly patience: Patience;
  readonly workers: Room;
  /** Told of what an operator should hear: a worker that did not come, or that was lost, and why. */
  readonly report: (event: 'start-failed' | 'lost', run: RunRecord, words: string) => void;
  /** Keeps what is left of a run whose worker is gone, before its path is free; what it throws holds up nothing. */
  readonly archive?: (run: RunRecord) => Promise<void>;
  /** From then on a round begins no more cleaning up, which may take long: the next one does. Absent: it takes its time. */
  readonly until?: number;
}

/**
 * One round of the keeper. Safe to repeat, to run twice at once, and to be killed in; one run that fails stops no other.
 * `mayExpire` is false while leases say nothing: after a sleep of the machine no worker could be heard.
 */
export async function keep(parts: KeeperParts, mayExpire = true): Promise<void> {
  const { ledger, workers, now } = parts;
  const failures: unknown[] = [];
  const attempt: Attempt = async step => step.catch(error => void failures.push(error));
  const [tried, later] = [new Set<string>(), new Set<string>()];
  const startNext = async (): Promise<void> => {
    const open = await ledger.open();
    const busy = open.filter(holds);
    for (const run of firstInLine(open, now())) {
      if (tried.has(run.id) || !hasRoom(workers, busy, run)) continue;
      tried.add(run.id);
      if ((await attempt(launch(run, busy, parts))) === 'later') later.add(run.id);
    }
  };
  const before = await ledger.open();
  for (const run of before) if (run.state === 'starting') await attempt(watch(run, before.filter(holds), parts));
  if (mayExpire) for (const run of await ledger.open()) await attempt(judge(run, parts));
  // Before anything is cleaned up: whoever can begin does not wait for what others have left.
  await startNext();
  let hasFreed = false;
  for (const run of await ledger.open()) {
    if (isLive(run) || !run.occupied || !hasTime(parts)) continue;
    if ((await attempt(settle(run, parts, attempt))) !== true) continue;
    hasFreed = true;
    await startNext();
  }
  // What has become free may be what they wait for.
  for (const id of later) tried.delete(id);
  if (hasFreed && later.size > 0) await startNext();
  if (hasFreed) await attempt(discardPlans(parts));
  if (failures.length > 0) throw failures[0];
}

/** Undefined where the step has failed, which the round tells at its end. */
type Attempt = <T>(step: Promise<T>) => Promise<T | undefined>;

const hasTime = ({ now, until = Number.POSITIVE_INFINITY }: KeeperParts): boolean => now() < until;

/** A worker that cannot come any more is not waited for. */
async function watch(run: RunRecord, busy: readonly RunRecord[], parts: KeeperParts): Promise<void> {
  const notStarted = await parts.launcher.look(run, busy);
  if (notStarted) await giveUpStart(run, notStarted, parts);
}

async function judge(run: RunRecord, { ledger, now, patience, report }: KeeperParts): Promise<void> {
  const next = expire(run, now(), patience);
  if (next === undefined) return;
  const stored = await ledger.transition(run.version, next, isLive(next) ? {} : ended(next));
  if (typeof stored === 'string' || isLive(stored)) return;
  if (run.state === 'starting') report('start-failed', stored, stored.error?.message ?? '');
  if (stored.state === 'lost') report('lost', stored, stored.error?.message ?? '');
}

/** True once the path of the run is free. */
async function settle(run: RunRecord, { launcher, archive, ledger }: KeeperParts, attempt: Attempt): Promise<boolean> {
  if (!(await launcher.settle(run))) return false;
  if (archive) await attempt(archive(run));
  await ledger.transition(run.version, release(run));
  return true;
}

/** A run that may have a worker from now on joins those that are `busy`. */
async function launch(run: RunRecord, busy: RunRecord[], parts: KeeperParts): Promise<'later' | undefined> {
  const { ledger, launcher, now, report } = parts;
  const chosen = await launcher.choose(run, busy);
  if (!chosen.ok) {
    const next = failToStart(run, chosen.problem, now());
    const stored = await ledger.transition(run.version, next, ended(next));
    if (typeof stored !== 'string') report('start-failed', stored, chosen.problem.message);
    return undefined;
  }
  if (chosen.value === 'later') return 'later';
  const ticket = newSecret();
  const starting = start(run, digestOf(ticket), now(), chosen.value);
  if (!starting.ok) return undefined;
  // The ticket's digest is durable before a worker can exist: a crash here leaves a run that expires, not a stray.
  const stored = await ledger.transition(run.version, starting.value);
  if (typeof stored === 'string') return undefined;
  busy.push(stored);
  const notStarted = await launcher.start(stored, ticket);
  if (notStarted) await giveUpStart(stored, notStarted, parts);
  return undefined;
}

async function giveUpStart(
  started: RunRecord,
  notStarted: NotStarted,
  { ledger, now, patience, report }: KeeperParts,
): Promise<void> {
  if (!notStarted.isCrowded) report('start-failed', started, inWords(notStarted.failed));
  await update(
    ledger,
    started.id,
    run => ({ ok: true, value: afterFailedStart(run, started, notStarted, now(), patience.retryMs) }),
    (next, before) => (isLive(before) && !isLive(next) ? ended(next) : {}),
  );
}

/** A plan that nobody can apply any more is of no use and may hold secrets. */
async function discardPlans(parts: KeeperParts): Promise<void> {
  const { ledger, plans, now } = parts;
  for (const planId of await plans.list()) {
    if (!hasTime(parts)) return;
    // INVARIANT: the run is read before its receipt, which is stored with its end.
    const run = await ledger.get(planId);
    if (run && isLive(run)) continue;
    const stored = await ledger.receipt(planId);
    const isGood = stored?.status === 'good' && Date.parse(stored.receipt.expiresAt) > now();
    if (!isGood) await plans.remove(planId);
  }
}

const ended = (run: RunRecord): Effects => ({ audit: auditEvent('ended', run) });
