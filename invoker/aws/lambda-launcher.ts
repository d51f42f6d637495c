/** Starts workers as Lambda functions, which nobody can stop or look at: only time and the worker's own word end them. */
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { WorkerPlatform } from './launcher.ts';
import { notStarted } from './not-started.ts';
import { isOverByTime } from './over-by-time.ts';
import type { KeeperSettings } from './settings.ts';

export interface LambdaLauncherParts {
  readonly client: LambdaClient;
  readonly settings: NonNullable<KeeperSettings['lambda']>;
  readonly now: () => number;
  readonly graceMs: number;
}

/** Also the age at which Lambda drops an event that it could not deliver, as the module sets it. */
const startMs = 60_000;

export function lambdaLauncher({ client, settings, now, graceMs }: LambdaLauncherParts): WorkerPlatform {
  const { perTenant, concurrency } = settings;
  return {
    startMs,
    room: concurrency,

    start: async (run, ticket, pool) => {
      const invoke = new InvokeCommand({
        FunctionName: settings[pool],
        InvocationType: 'Event',
        Payload: JSON.stringify({ run: run.id, ticket }),
        // An environment serves one tenant only: https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html
        ...(perTenant ? { TenantId: run.id } : {}),
      });
      try {
        await client.send(invoke);
        return undefined;
      } catch (error) {
        return notStarted(error);
      }
    },

    // Lambda takes an event and starts nothing while the function has no room. A late worker's ticket is worth nothing.
    look: async ({ leaseUntil = 0 }) =>
      leaseUntil < now() ? { failed: `the function did not begin within ${startMs / 1000} s`, again: true } : undefined,

    settle: async run => isOverByTime(run, now(), graceMs),
  };
}
