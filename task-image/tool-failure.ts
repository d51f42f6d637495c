/** Why a step of Terraform's has failed, as far as its last words tell. */
import type { ErrorCode } from '../policies/contract/error.ts';
import { diskFull, Failure } from './failure.ts';
import { moduleFailure } from './module-git.ts';

/** Only tells one failure from another; that it failed is what the exit code says. */
export function toolFailure(code: ErrorCode, step: string, exitCode: number | undefined, words: string): Failure {
  if (/no space left on device/i.test(words)) return diskFull;
  if (code === 'E_INIT' && /Provider dependency changes detected|inconsistent dependency lock file/i.test(words))
    return new Failure(
      'E_LOCK_FILE',
      'the dependency lock file does not cover the providers of this stack',
      "run `terraform providers lock` for the worker's platform and commit `.terraform.lock.hcl`",
    );
  if (code === 'E_APPLY' && /Saved plan is stale/i.test(words))
    return new Failure(
      'E_PLAN_STALE',
      'the plan no longer fits: the state has changed since it was made',
      'plan again, look at it, then apply',
    );
  const module = code === 'E_INIT' ? moduleFailure(words) : undefined;
  if (module !== undefined) return module;
  const how = exitCode === undefined ? 'was killed' : `ended with exit code ${exitCode}`;
  return new Failure(code, `${step} ${how}`, 'the reason is in the output above');
}
