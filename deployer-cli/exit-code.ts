/** The one place where a failure, a signal or the end of a run becomes the exit code of the process. */
import type { Run } from '../policies/contract/run.ts';
import { hasChanges } from './changes.ts';
import type { Failure } from './failure.ts';

/** The codes that only the CLI ends with; all others are in the contract's catalog. */
const ownCodes = {
  E_USAGE: 3,
  E_SETTINGS: 3,
  E_NOT_PUSHED: 3,
  E_NO_TOKEN: 4,
  E_AWS_CREDENTIALS: 4,
  E_STOPPED_WAITING: 7,
  E_SERVER_AWAY: 8,
  E_CLI: 8,
} as const;
export type OwnCode = keyof typeof ownCodes;

export async function exitCodeOfFailure({ code, status }: Failure): Promise<number> {
  const own = new Map<string, number>(Object.entries(ownCodes)).get(code);
  if (own !== undefined) return own;
  // The catalog comes with a schema library, which a run that goes well need not load.
  const { errorCatalog, isErrorCode } = await import('../policies/contract/error.ts');
  return isErrorCode(code) ? errorCatalog[code].exit : (byStatus.get(status ?? 0) ?? 8);
}

/** What a newer server means by a code this version does not know. */
const byStatus: ReadonlyMap<number, number> = new Map([
  [400, 3],
  [401, 4],
  [403, 5],
  [404, 3],
  [409, 6],
]);

/** `isDetailed` is `--detailed-exitcode`: a plan with changes ends with 2. */
export function exitCodeOfRun(run: Run, isDetailed: boolean): number {
  if (run.state === 'succeeded') return isDetailed && run.command === 'plan' && hasChanges(run) ? 2 : 0;
  const code = run.exitCode ?? 1;
  // INVARIANT: a run that did not succeed never ends with success, whatever the server says.
  return code > 0 && code < 256 ? code : 1;
}

export type Signal = 'SIGINT' | 'SIGTERM';

/** 128 + the signal's number, as shells report it. */
export const exitCodeOfSignal = (signal: Signal): number => (signal === 'SIGINT' ? 130 : 143);
