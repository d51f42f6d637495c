/** Reads runs and their logs, for whoever may: their callers at the deploy door, and auditors. */
import { Type } from 'typebox';
import { RunIdSchema } from '../policies/contract/request.ts';
import type { Logs as LogsBody, Run } from '../policies/contract/run.ts';
import { mayRead, type Principal, unauthenticated } from './bearer.ts';
import { DoorError } from './errors.ts';
import type { Ledger, Logs } from './ledger.ts';
import { exitCodeOf, publicRun } from './public-run.ts';
import { place } from './queue.ts';
import type { RunRecord } from './run.ts';
import type { Seals } from './secret.ts';

export interface RunReadingParts {
  readonly ledger: Pick<Ledger, 'get' | 'open'>;
  readonly logs: Logs;
  readonly seals: Pick<Seals, 'runKey'>;
  readonly now: () => number;
  /** How long a follower should wait before it asks again. */
  readonly pollMs: number;
}

/** Each throws a `DoorError` that refuses. */
export interface RunReading {
  /** The run as callers see it. */
  readonly shown: (run: RunRecord) => Promise<Run>;
  /** The run, if it exists and the principal may do this with it: both failures look the same. */
  readonly runFor: (id: string, principal: Principal, may?: typeof mayRead) => Promise<RunRecord>;
  readonly getRun: (id: string, principal: Principal) => Promise<Run>;
  readonly getLogs: (id: string, cursor: string | undefined, principal: Principal) => Promise<LogsBody>;
}

export const RunParametersSchema = Type.Object({ id: RunIdSchema });
export const CursorSchema = Type.String({ pattern: '^[0-9]{1,12}$' });

/** Or one batch, which may be larger: with the run beside it an answer stays under 1 MB. */
const logBytes = 256 * 1024;

export function runReading({ ledger, logs, seals, now, pollMs }: RunReadingParts): RunReading {
  const shown: RunReading['shown'] = async run =>
    publicRun(run, run.state === 'queued' ? place(await ledger.open(), run.id) : undefined);

  const runFor: RunReading['runFor'] = async (id, principal, may = mayRead) => {
    if (principal.kind === 'nobody')
      throw new DoorError({ ...unauthenticated, fix: 'show the key that the run was answered with' });
    const run = await ledger.get(id);
    if (run === undefined || !(await may(principal, run, seals, now())))
      throw new DoorError({ code: 'E_NOT_FOUND', message: 'there is no such run, or it is not yours to see' });
    return run;
  };

  return {
    shown,
    runFor,
    getRun: async (id, principal) => shown(await runFor(id, principal)),
    getLogs: async (id, from, principal) => {
      // INVARIANT: the run is read before its lines: an end that is told here has no line after it.
      const run = await runFor(id, principal);
      const { lines, cursor, more } = await logs.read(run.id, Number(from ?? 0), logBytes);
      const exitCode = exitCodeOf(run);
      return {
        lines: [...lines],
        cursor: String(cursor),
        pollMs: more ? 0 : pollMs,
        run: await shown(run),
        ...(exitCode === undefined || more ? {} : { end: { state: run.state, exitCode } }),
      };
    },
  };
}
