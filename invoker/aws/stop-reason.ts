/** Why a task stopped before its worker claimed its run, in words, and whether another one may fare better. Pure. */
import type { Task } from '@aws-sdk/client-ecs';
import { unreachedExitCode } from '../../policies/contract/worker.ts';
import type { NotStarted } from '../ledger.ts';

export type Stopped = Pick<Task, 'stopCode' | 'stoppedReason' | 'containers'>;

/**
 * Codes: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html, reasons:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html. A reason that is not known to pass
 * by itself fails the run, so that somebody reads it.
 */
export function stopReason({ stopCode, stoppedReason, containers = [] }: Stopped): NotStarted {
  const failed = [
    stoppedReason ?? 'the task stopped',
    ...containers.flatMap(({ reason, exitCode }) => [
      ...(reason === undefined || stoppedReason?.includes(reason) ? [] : [reason]),
      ...(exitCode === undefined ? [] : [`exit code ${exitCode}`]),
      ...(exitCode === unreachedExitCode ? ['the worker did not reach its door'] : []),
    ]),
    ...(stopCode === undefined ? [] : [stopCode]),
  ].join('; ');
  const isTaken = stopCode !== undefined && taken.has(stopCode);
  const mayPass = stopCode === 'TaskFailedToStart' && passing.test(failed) && !lasting.test(failed);
  const isUnreached = containers.some(({ exitCode }) => exitCode === unreachedExitCode);
  return isTaken || isUnreached || mayPass ? { failed, again: true } : { failed };
}

/** AWS took the capacity back; the task itself had nothing to do with it. */
const taken: ReadonlySet<string> = new Set(['SpotInterruption', 'TerminationNotice', 'InfrastructureHealth']);

const passing =
  /time(?:d )?-?out|deadline exceeded|throttl|too ?many ?requests|rate exceeded|connection reset|capacity|unavailable|try again|internal (?:server )?error|unexpected EC2 error/i;

/** A missing image, and a secret or registry that this role may not read, stay so however often they are asked for. */
const lasting = /not ?found|does ?n[o']t exist|denied|not authorized|forbidden|unauthorized|no basic auth/i;
