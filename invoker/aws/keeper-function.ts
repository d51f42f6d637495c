/** The keeper as a function: one round each time it is woken, by whatever. Events are hints that it does not even read. */
import { keep } from '../keeper.ts';
import type { Launcher, Ledger } from '../ledger.ts';
import { ledgerOf, logsOf, plansOf, policyOf } from './adapters.ts';
import { clients } from './clients.ts';
import { deferred } from './deferred.ts';
import { type Log, wordsOf } from './log.ts';
import type { KeeperSettings } from './settings.ts';
import { graceMs, leaseMs } from './times.ts';

const now = Date.now;
/** As many as one round can look after; what the account has no room for is tried again. */
const workers = { plan: 100, apply: 50 };
/** The longest that any worker has to claim its run. */
const startMs = 300_000;
/** For how long a start is tried again that may go well later. */
const retryMs = 900_000;
/** Half of the time that the function has: the other half is for what was begun. */
const cleaningMs = 60_000;

export function keeperFunction(settings: KeeperSettings, log: Log): (event: unknown) => Promise<void> {
  const ledger = ledgerOf(settings);
  const logs = logsOf(settings);
  const { logGroup: group, auditBucket: bucket } = settings;

  const round = async (): Promise<void> =>
    keep({
      ledger,
      launcher: launcherOf(settings, ledger, log),
      plans: plansOf(settings),
      now,
      patience: { startMs, leaseMs, overtimeMs: graceMs + leaseMs, retryMs },
      workers,
      until: now() + cleaningMs,
      report: (event, { id }, words) => log.error(event, { run: id, words }),
      archive: async run => {
        const { logArchive } = await import('./log-archive.ts');
        await logArchive({ client: await clients.logs(), group, logs, now })(run).catch(error => {
          log.error('failed', { what: 'keeping the log', run: run.id, words: wordsOf(error) });
        });
      },
    });

  const mirror = async (): Promise<void> => {
    const { auditMirror } = await import('./audit-mirror.ts');
    await auditMirror({ client: await clients.s3(), bucket, ledger })();
  };

  // What fails or takes long in one of them holds the other up in nothing; the next round comes by itself.
  return async () => {
    await Promise.all([
      round().catch(error => log.error('failed', { what: 'the round', words: wordsOf(error) })),
      mirror().catch(error => log.error('mirror-failed', { words: wordsOf(error) })),
    ]);
  };
}

const launcherOf = (settings: KeeperSettings, ledger: Ledger, log: Log): Launcher => {
  const policy = policyOf(settings, log);
  const { lambda, fargate } = settings;
  return deferred(async () => {
    const [{ awsLauncher }, { lambdaLauncher }, { fargateLauncher }] = await Promise.all([
      import('./launcher.ts'),
      import('./lambda-launcher.ts'),
      import('./fargate-launcher.ts'),
    ]);
    const platforms = {
      ...(lambda && { lambda: lambdaLauncher({ client: await clients.lambda(), settings: lambda, now }) }),
      ...(fargate && { fargate: fargateLauncher({ client: await clients.ecs(), settings: fargate, now, graceMs }) }),
    };
    return awsLauncher({ platforms, policy, ledger, graceMs });
  });
};
