/** On one machine nobody hands out credentials: what stands in a file the worker reads itself. */
import { ok } from '../../policies/contract/error.ts';
import type { RunCredentials } from '../credentials.ts';

export const noCredentials: RunCredentials = {
  // A deploy key that is a secret of AWS is refused by the worker, who cannot read it.
  ofSource: async () => ok(undefined),
  ofRun: async () => ok({}),
};
