/** A worker in a Lambda container: each invocation is one run, and nothing of a run is there for the next. */
import { bodyReader } from '../policies/body.ts';
import { HandedSchema } from '../policies/contract/worker.ts';
import { takeControl } from './control.ts';
import { doorwayTo } from './doorway.ts';
import { Failure, orFail } from './failure.ts';
import type { Isolation } from './isolation.ts';
import type { Handle } from './lambda-runtime.ts';
import type { Places } from './places.ts';
import { wipe } from './wipe.ts';
import { work } from './work.ts';

export interface LambdaParts {
  readonly door: string;
  readonly places: Places;
  readonly isolation: Isolation;
  /** The directory that this worker has to itself, together with its user; absent on a machine that others use too. */
  readonly ownDir?: string;
}

/** What it takes to tell a run's end when Terraform has used all of its grace. */
const farewellMs = 5000;

/** The event is `{run, ticket}` and nothing else: whoever may invoke the function learns nothing by it, and changes nothing. */
export function lambdaWorker({ door, places, isolation, ownDir }: LambdaParts): Handle {
  const clean = () => (ownDir === undefined ? undefined : wipe(ownDir));
  return async ({ event, deadline, tenant }) => {
    const { run, ticket } = orFail(readEvent(event));
    // INVARIANT: where Lambda keeps an environment for one tenant, the tenant is the run.
    if (tenant !== undefined && tenant !== run) throw new Failure('E_WORKER', 'this environment is another run’s');
    clean();
    try {
      const control = await takeControl(doorwayTo(door), run, ticket);
      const left = deadline - Date.now() - control.claimed.graceMs - farewellMs;
      const timer = setTimeout(() => control.halt('deadline'), Math.max(0, left));
      try {
        await work(control, places, isolation);
      } finally {
        clearTimeout(timer);
      }
    } finally {
      clean();
    }
    return { run };
  };
}

const readEvent = bodyReader(HandedSchema);
