/** Follows a run to its end, also when the server goes away for a while. */
import type { Logs, Run } from '../policies/contract/run.ts';
import { formatDuration } from './duration.ts';
import { type Failure, fail, type Outcome } from './failure.ts';
import { isPassing } from './transport.ts';

export interface Following {
  readonly ask: (cursor: string | undefined, timeoutMs: number) => Promise<Outcome<Logs>>;
  readonly see: (logs: Logs) => void;
  /** Said once each time the server goes away, and when it is back. */
  readonly say: (text: string) => void;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly now: () => number;
  readonly timeoutMs?: number;
  /** Stop once everything there is so far has been read. */
  readonly untilRead?: boolean;
}

/** A server that starts again is back within this time. */
const patienceMs = 30_000;
const awayPollMs = 1000;

/** The run as it was last seen; its `endedAt` says whether it has ended. A failure carries it too, if it was ever seen. */
export async function follow(following: Following): Promise<{ readonly run?: Run; readonly failure?: Failure }> {
  const { ask, see, say, sleep, now, timeoutMs = Number.POSITIVE_INFINITY, untilRead = false } = following;
  const deadline = now() + timeoutMs;
  let cursor: string | undefined;
  let run: Run | undefined;
  let away: { readonly since: number; isSaid: boolean } | undefined;

  for (;;) {
    const leftMs = deadline - now();
    if (leftMs <= 0) return { ...seen(run), failure: stopped(`after ${formatDuration(timeoutMs)}`) };
    const answer = await ask(cursor, leftMs);
    let pauseMs = awayPollMs;
    if (answer.ok) {
      if (away?.isSaid) say('the server is back');
      away = undefined;
      cursor = answer.value.cursor;
      run = answer.value.run;
      see(answer.value);
      if (answer.value.end || (untilRead && answer.value.lines.length === 0)) return { run };
      // Where there was nothing to read, never at once again, whatever the server says.
      pauseMs = Math.min(Math.max(answer.value.pollMs, answer.value.lines.length > 0 ? 0 : 20), 60_000);
    } else if (run && answer.failure.code === 'E_AWS_CREDENTIALS') {
      // They were good until now: it is the watching that ends, not the run.
      return { run, failure: stopped(`since ${answer.failure.message}`) };
    } else if (!isPassing(answer.failure)) {
      return { ...seen(run), failure: answer.failure };
    } else if (!away) {
      // One lost answer is not worth a word.
      away = { since: now(), isSaid: false };
    } else {
      if (now() - away.since >= patienceMs) {
        return { ...seen(run), failure: stopped(`since ${answer.failure.message}`) };
      }
      if (!away.isSaid) say(`${answer.failure.message}; trying for ${formatDuration(patienceMs)}, the run goes on`);
      away.isSaid = true;
    }
    await sleep(Math.min(pauseMs, Math.max(deadline - now(), 0)));
  }
}

const seen = (run: Run | undefined) => (run ? { run } : {});

const stopped = (why: string): Failure => fail('E_STOPPED_WAITING', `stopped waiting ${why}; the run goes on`).failure;
