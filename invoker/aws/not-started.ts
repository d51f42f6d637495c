/** What an error of an AWS client means for a start: whether the same may go well later, and why it did not go now. */
import type { NotStarted } from '../ledger.ts';

/**
 * Refusals that pass by themselves although their status says that the caller is at fault: so does what is not there, since
 * while an installation is updated a keeper may still ask for a function or task definition that was just replaced.
 */
const passingNames = /throttl|toomanyrequests|slowdown|requestlimit|limitexceeded|resourceconflict|resourcenotfound/i;
const passingMessages = /capacity|reached the limit|rate exceeded|task ?definition (?:is inactive|not found)/i;

/**
 * Where the answer got lost, a worker may have been started all the same. That is safe: the next start has another ticket,
 * and without its ticket a worker gets nothing.
 */
export function notStarted(error: unknown): NotStarted {
  const {
    name = 'Error',
    message = '',
    $metadata,
  } = Object(error) as {
    name?: string;
    message?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const failed = message === '' ? name : `${name}: ${message}`;
  const status = $metadata?.httpStatusCode;
  const isRefused = status !== undefined && status >= 400 && status < 500 && status !== 429;
  const passes = passingNames.test(name) || (!/denied/i.test(name) && passingMessages.test(message));
  return isRefused && !passes ? { failed } : { failed, again: true };
}
