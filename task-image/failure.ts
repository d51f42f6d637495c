/** The one exception of the worker: a run cannot go on, for a reason that its caller is told. */
import type { ErrorCode, Problem, Result } from '../policies/contract/error.ts';

export class Failure extends Error {
  readonly problem: Problem;

  constructor(code: ErrorCode, message: string, fix?: string) {
    super(message);
    this.problem = fix === undefined ? { code, message } : { code, message, fix };
  }
}

export function orFail<T>(result: Result<T>): T {
  if (!result.ok) throw new Failure(result.problem.code, result.problem.message, result.problem.fix);
  return result.value;
}

/** What a run says that ended by this exception; one that nobody foresaw tells its message and no more. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Failure) return error.problem;
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC') return diskFull.problem;
  return { code: 'E_WORKER', message: `the worker failed: ${error instanceof Error ? error.message : String(error)}` };
}

export const diskFull = new Failure('E_DISK_FULL', "the worker's disk is full", 'free or add space, then ask again');
