/** Takes the value out of a result that a test is sure of. */
import type { Result } from '../../policies/contract/error.ts';

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.problem.code}: ${result.problem.message}`);
  return result.value;
}
