/** Calls the keeper: every second and whenever it is woken, one round at a time. */

export interface RoundsParts {
  readonly round: (mayExpire: boolean) => Promise<void>;
  readonly now: () => number;
  readonly leaseMs: number;
  readonly failed: (error: unknown) => void;
}

export interface Rounds {
  readonly wake: () => void;
  /** What is wrong with the last round; undefined when it went well. */
  readonly problem: () => string | undefined;
  readonly stop: () => Promise<void>;
}

const everyMs = 1000;
/** A round that comes so late means that the machine slept or its clock was set: no worker could be heard meanwhile. */
const lateMs = 5000;

export function startRounds({ round, now, leaseMs, failed }: RoundsParts): Rounds {
  let problem: string | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let lastAt = now();
  let quietUntil = lastAt;

  const once = async (): Promise<void> => {
    if (Math.abs(now() - lastAt) > everyMs + lateMs) quietUntil = now() + leaseMs;
    lastAt = now();
    try {
      await round(lastAt >= quietUntil);
      problem = undefined;
    } catch (error) {
      problem = `the keeper failed: ${error instanceof Error ? error.message : error}`;
      failed(error);
    }
    lastAt = now();
  };

  /** A wake during a round is followed by another. */
  const wake = (): void => {
    again = true;
    if (stopped) return;
    running ??= (async () => {
      while (again && !stopped) {
        again = false;
        await once();
      }
      running = undefined;
    })();
  };

  const timer = setInterval(wake, everyMs);
  wake();
  return {
    wake,
    problem: () => problem,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
