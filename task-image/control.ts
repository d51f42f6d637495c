/** The worker's only way to the outside: speaks the worker protocol, and knows when it must stop. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorBody, isErrorCode } from '../policies/contract/error.ts';
import type { LogLine, Phase } from '../policies/contract/run.ts';
import type {
  Claimed,
  Credentials,
  Finish,
  Orders,
  ProviderCache,
  ProviderCacheGrant,
  Session,
  SourceAnswer,
} from '../policies/contract/worker.ts';
import { changedTexts } from '../policies/report-texts.ts';
import type { Doorway } from './doorway.ts';
import { Failure } from './failure.ts';
import { type Masker, newMasker } from './masking/masker.ts';

/**
 * Why the worker must stop: the caller canceled, the deadline is over, the door was not heard of for one lease (or says
 * that the run has ended), or the platform ends the worker.
 */
export type StopReason = 'canceled' | 'deadline' | 'lost' | 'terminated';

export interface Control {
  readonly claimed: Omit<Claimed, 'session'>;
  /** Reads the deploy keys where they are secrets of AWS; gone once it was dropped. */
  readonly keySession: () => Session | undefined;
  readonly dropKeySession: () => void;
  /** What it hides is in nothing that is told; the door's own secrets are hidden from the beginning. */
  readonly masker: Masker;
  /** Aborted once, with a `StopReason`. */
  readonly stop: AbortSignal;
  readonly halt: (reason: StopReason) => void;
  /** From SIGINT to SIGKILL: shorter where the platform itself kills soon, since what is left must be told before. */
  readonly graceMs: () => number;
  /** Hands a line on that is cleaned and masked (`output.ts`); waits while the door is slower than the tool. */
  readonly line: (line: LogLine) => Promise<void>;
  readonly phase: (phase: Phase) => Promise<void>;
  readonly source: (source: { ref: string; commit: string; tip: string }) => Promise<SourceAnswer>;
  readonly grantPlan: (plan: { digest: string; size: number }) => Promise<string>;
  /** Where providers are that an earlier run has installed, or where to put them. */
  readonly grantProviders: (asked: ProviderCache) => Promise<ProviderCacheGrant>;
  /** Of the stack's role, and for its secrets; hidden already. */
  readonly credentials: () => Promise<Credentials>;
  /** Where to put a state that its backend does not take; undefined where the launcher looks for it. */
  readonly grantErroredState: () => Promise<string | undefined>;
  /** Tells the end after every line has arrived. */
  readonly finish: (report: Finish) => Promise<void>;
}

/** A task gets 120 seconds from SIGTERM to SIGKILL: what is left is for its state and its end. */
const terminatedGraceMs = 80_000;
const batchLines = 2000;
const batchCharacters = 200_000;
const backlogLines = 20_000;

/** Claims the run; throws a `Failure` when the door refuses, or an `Error` when it was not reached for `claimMs`. */
export async function takeControl(door: Doorway, run: string, ticket: string, claimMs = 15_000): Promise<Control> {
  const masker = newMasker();
  // The door makes the token of both: whoever sees the ticket where the launcher puts it cannot ask for this one again.
  const nonce = randomBytes(32).toString('base64url');
  for (const secret of [ticket, nonce]) masker.hide(secret);
  let token: string | undefined;
  let lastHeard = Date.now();
  let patienceMs = claimMs;
  const stop = new AbortController();
  const halt = (reason: StopReason): void => {
    if (!stop.signal.aborted) stop.abort(reason);
  };

  /** One call; repeated while the door is away, until it has been away for one lease. The door takes a repeated call as one. */
  const call = async <Answer>(operation: string, body: object): Promise<Answer> => {
    for (;;) {
      // A door that hangs must not outlast the lease either: half of it leaves time to ask again.
      const timeoutMs = Math.min(10_000, patienceMs / 2);
      const how = { timeoutMs, ...(token === undefined ? {} : { token }) };
      const answer = await door.ask(operation, body, how).catch((error: unknown) => ({ error }));
      if ('status' in answer && answer.status < 500) {
        lastHeard = Date.now();
        if (answer.status === 200) return answer.body as Answer;
        throw refusalOf(answer.body as ErrorBody, halt);
      }
      const hopeless = 'error' in answer && answer.error instanceof Failure ? answer.error : undefined;
      // Who has been heard once will hardly be refused for good: a lease is long enough to see.
      if ((hopeless && token === undefined) || Date.now() - lastHeard > patienceMs) {
        halt('lost');
        throw hopeless ?? new Failure('E_LOST', 'the door was not reached for one lease');
      }
      await sleep(door.retryMs);
    }
  };

  let { session: keySession, ...claimed } = await call<Claimed>('claim', { run, ticket, nonce });
  token = claimed.token;
  // `<run id>.<secret>`; the id is no secret.
  for (const secret of [token, token.split('.')[1] ?? '']) masker.hide(secret);
  const hideSession = (session: Session | undefined): void => {
    if (session) for (const secret of [session.secretAccessKey, session.sessionToken]) masker.hide(secret);
  };
  hideSession(keySession);
  patienceMs = claimed.leaseMs;
  const obey = (orders: Orders): void => {
    if (orders.stop) halt(orders.stop);
  };
  setTimeout(() => halt('deadline'), claimed.deadlineMs).unref();
  const beat = setInterval(() => {
    // Whatever was answered since has told the door the same, and a call is paid for.
    if (Date.now() - lastHeard < claimed.heartbeatMs / 2) return;
    call<Orders>('heartbeat', {}).then(obey, () => {});
  }, claimed.heartbeatMs);

  const pending: LogLine[] = [];
  let seq = 0;
  let flushing: Promise<void> | undefined;
  const ending = new AbortController();
  const collect = () => sleep(door.flushMs, undefined, { signal: ending.signal }).catch(() => {});
  const flush = async (): Promise<void> => {
    while (pending.length > 0) {
      await collect();
      // What comes meanwhile is collected again.
      for (let left = pending.length; left > 0; ) {
        const lines = nextBatch(pending);
        left -= lines.length;
        // A line that cannot be told any more does not stop the work; losing the door does, and `call` sees to that.
        await call<Orders>('log', { seq, lines }).then(
          orders => {
            obey(orders);
            seq += 1;
          },
          () => {},
        );
      }
    }
    flushing = undefined;
  };

  return {
    claimed,
    keySession: () => keySession,
    dropKeySession: () => {
      keySession = undefined;
    },
    masker,
    stop: stop.signal,
    halt,
    graceMs: () =>
      stop.signal.reason === 'terminated' ? Math.min(claimed.graceMs, terminatedGraceMs) : claimed.graceMs,
    line: async line => {
      pending.push(line);
      flushing ??= flush();
      while (pending.length > backlogLines && !stop.signal.aborted) await sleep(door.flushMs);
    },
    phase: async phase => obey(await call<Orders>('phase', { phase })),
    source: source => call<SourceAnswer>('source', source),
    grantPlan: async plan => (await call<{ url: string }>('plan', plan)).url,
    grantProviders: asked => call<ProviderCacheGrant>('provider-cache', asked),
    credentials: async () => {
      const credentials = await call<Credentials>('credentials', {});
      for (const session of Object.values(credentials)) hideSession(session);
      return credentials;
    },
    grantErroredState: async () => (await call<{ url?: string }>('errored-state', {})).url,
    finish: async report => {
      ending.abort();
      while (flushing) await flushing;
      // A mask may be longer than what it hides.
      const said = changedTexts(report, (text, longest) => masker.masked(text).slice(0, longest));
      // The lease is kept until the end is recorded: a door that cannot do that just now is asked again meanwhile.
      await call('finish', said).finally(() => clearInterval(beat));
    },
  };
}

function refusalOf({ error }: ErrorBody, halt: (reason: StopReason) => void): Failure {
  // Somebody else has ended the run: whatever this worker does from now on is not its to do.
  if (error.code === 'E_RUN_ENDED' || error.code === 'E_UNAUTHENTICATED') halt('lost');
  return new Failure(isErrorCode(error.code) ? error.code : 'E_WORKER', error.message, error.fix);
}

function nextBatch(pending: LogLine[]): LogLine[] {
  let size = 0;
  let count = 0;
  for (const { text } of pending.slice(0, batchLines)) {
    size += text.length;
    if (count > 0 && size > batchCharacters) break;
    count += 1;
  }
  return pending.splice(0, count);
}
