/** The keeper: ends what was not heard of, frees what is gone, starts what is next. Knows nothing but the ledger. */
import { isLive } from '../policies/contract/run.ts';
import { auditEvent } from './audit-event.ts';
import type { Effects, Launcher, Ledger, Plans } from './ledger.ts';
import { nextStarts } from './queue.ts';
import { expire, failToStart, type Patience, type RunRecord, release, start } from './run.ts';
import { digestOf, newSecret } from './secret.ts';
import { update } from './update.ts';

export interface KeeperParts {
  readonly ledger: Ledger;
  readonly launcher: Launcher;
  readonly plans: Plans;
  readonly now: () => number;
  readonly patience: Patience;
  /** Runs that may have a worker at the same time. */
  readonly workers: number;
}

/**
 * One round of the keeper. Safe to repeat, to run twice at once, and to be killed in; one run that fails stops no other.
 * `mayExpire` is false while leases say nothing: after a sleep of the machine no worker could be heard.
 */
export async function keep(parts: KeeperParts, mayExpire = true): Promise<void> {
  const { ledger, workers } = parts;
  const failures: unknown[] = [];
  const attempt = (step: Promise<void>): Promise<unknown> => step.catch(error => failures.push(error));
  if (mayExpire) for (const run of await ledger.open()) await attempt(judge(run, parts));
  for (const run of await ledger.open()) if (!isLive(run) && run.occupied) await attempt(settle(run, parts));
  for (const run of nextStarts(await ledger.open(), workers)) await attempt(launch(run, parts));
  if (failures.length > 0) throw failures[0];
}

async function judge(run: RunRecord, { ledger, now, patience }: KeeperParts): Promise<void> {
  const next = expire(run, now(), patience);
  if (next) await ledger.transition(run.version, next, isLive(next) ? {} : ended(next));
}

async function settle(run: RunRecord, parts: KeeperParts): Promise<void> {
  if (!(await parts.launcher.settle(run))) return;
  await parts.ledger.transition(run.version, release(run));
  await discardPlans(parts);
}

async function launch(run: RunRecord, { ledger, launcher, now }: KeeperParts): Promise<void> {
  const ticket = newSecret();
  const starting = start(run, digestOf(ticket), now(), await launcher.choose(run));
  if (!starting.ok) return;
  // The ticket's digest is durable before a worker can exist: a crash here leaves a run that expires, not a stray.
  const stored = await ledger.transition(run.version, starting.value);
  if (typeof stored === 'string') return;
  const notStarted = await launcher.start(stored, ticket);
  if (notStarted === undefined) return;
  const problem = { code: 'E_WORKER_START', message: `the worker could not be started: ${notStarted.failed}` } as const;
  await update(
    ledger,
    run.id,
    run => ({ ok: true, value: failToStart(run, problem, now()) }),
    (next, before) => (isLive(before) ? ended(next) : {}),
  );
}

/** A plan that nobody can apply any more is of no use and may hold secrets. */
async function discardPlans({ ledger, plans, now }: KeeperParts): Promise<void> {
  for (const planId of await plans.list()) {
    // INVARIANT: the run is read before its receipt, which is stored with its end.
    const run = await ledger.get(planId);
    if (run && isLive(run)) continue;
    const stored = await ledger.receipt(planId);
    const isGood = stored?.status === 'good' && Date.parse(stored.receipt.expiresAt) > now();
    if (!isGood) await plans.remove(planId);
  }
}

const ended = (run: RunRecord): Effects => ({ audit: auditEvent('ended', run) });
