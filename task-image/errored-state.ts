/** The state that a backend did not take: the only record of what an apply has made, and what its caller is told of it. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Finish } from '../policies/contract/worker.ts';
import { workingDirectories } from './working-directories.ts';

/** The end of an apply, whatever it is, with what it has left. Of an apply that went well it is forged. */
export function withErroredState(ended: Finish, cwd: string): Finish {
  const { outcome, error } = ended;
  if (outcome === 'succeeded' || error === undefined || erroredStates(cwd).length === 0) return ended;
  const fix =
    'an admin finds it in `state/` of the data directory, named `….errored.tfstate`: push it with `terraform state push` before anything else is planned';
  return {
    ...ended,
    error: {
      code: error.code,
      message: `${error.message}, and the backend did not take the state`,
      fix: error.fix === undefined ? fix : `${fix}; ${error.fix}`,
    },
  };
}

/** Terraform puts it where it works. Files, and not what something else has put there. */
export function erroredStates(cwd: string): string[] {
  try {
    return workingDirectories(cwd)
      .map(directory => join(directory, 'errored.tfstate'))
      .filter(file => lstatSync(file, { throwIfNoEntry: false })?.isFile());
  } catch {
    // What was applied has made what nobody can look through.
    return [];
  }
}
