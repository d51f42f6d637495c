/** Watches one run with its reader: progress while it goes on, and in the end how it ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Run } from '../policies/contract/run.ts';
import { yellow } from './colour.ts';
import type { Failure } from './failure.ts';
import { follow } from './follow.ts';
import { commandLine } from './paste.ts';
import { followProgress, type OutputCap } from './progress.ts';
import { failureOf, success } from './render.ts';
import type { Screen } from './screen.ts';
import type { Transport } from './transport.ts';

export interface Watching {
  readonly transport: Pick<Transport, 'logs'>;
  readonly id: string;
  readonly screen: Screen;
  readonly verbose: boolean;
  readonly cap?: OutputCap;
  readonly timeoutMs?: number;
  readonly untilRead?: boolean;
  readonly seen?: (run: Run) => void;
}

/** `failure` says why the run failed, or why it is no longer watched; `run` is as it was last seen. */
export async function watch(watching: Watching): Promise<{ readonly run?: Run; readonly failure?: Failure }> {
  const { transport, id, screen, verbose, cap, timeoutMs, untilRead, seen } = watching;
  const progress = followProgress(screen, verbose, cap);
  const { run, failure } = await follow({
    ask: (cursor, answerMs) => transport.logs(id, cursor, answerMs),
    see: logs => {
      seen?.(logs.run);
      progress.see(logs);
    },
    say: text => screen.line(yellow(`… ${text}`)),
    sleep,
    now: () => performance.now(),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(untilRead === undefined ? {} : { untilRead }),
  });
  screen.status();
  const last = run ? { run } : {};
  if (failure) {
    const isLeft = failure.code === 'E_STOPPED_WAITING';
    return { ...last, failure: isLeft ? { ...failure, fix: lookAgain(id) } : failure };
  }
  if (run?.endedAt === undefined) return last;
  progress.end(run);
  const ended = failureOf(run);
  if (ended) return { run, failure: ended };
  for (const line of success(run)) screen.line(line);
  return { run };
}

const lookAgain = (id: string) =>
  `look at it:  ${commandLine('runs', 'show', id)}\nor wait on:  ${commandLine('runs', 'logs', id, '--follow')}`;
