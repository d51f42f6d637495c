/** The launcher on AWS: functions and tasks, each for the runs that suit it. */
import type { Repository } from '../../policies/allowlist.ts';
import { ok, type Result, refuse } from '../../policies/contract/error.ts';
import { canonicalPath } from '../../policies/path.ts';
import { givenSettings } from '../../policies/stack.ts';
import type { Launcher, Ledger, NotStarted } from '../ledger.ts';
import type { PolicySource } from '../policy-source.ts';
import type { RunRecord } from '../run.ts';
import { chooseWorker, type Platform } from './choose-worker.ts';
import { isOverByTime } from './over-by-time.ts';
import { type Pool, poolOf } from './pool.ts';

/** What a launcher is for one kind of worker. */
export interface WorkerPlatform extends Pick<Launcher, 'settle'> {
  /** How long its workers have to claim their run. */
  readonly startMs: number;
  /** Given by one that takes more workers than can begin: how many at once each pool has, where that is known. */
  readonly room?: Readonly<Partial<Record<Pool, number>>>;
  look(run: RunRecord): ReturnType<Launcher['look']>;
  start(run: RunRecord, ticket: string, pool: Pool): ReturnType<Launcher['start']>;
}

export interface AwsLauncherParts {
  /** Those that are installed, one at least. */
  readonly platforms: Readonly<Partial<Record<Platform, WorkerPlatform>>>;
  readonly policy: PolicySource;
  readonly ledger: Pick<Ledger, 'list'>;
  readonly now: () => number;
  readonly graceMs: number;
}

/** Runs of a path that are looked at for how long its plans take. */
const historyLength = 50;

export function awsLauncher({ platforms, policy, ledger, now, graceMs }: AwsLauncherParts): Launcher {
  const installed = (['lambda', 'fargate'] as const).filter(name => platforms[name] !== undefined);

  const repositoryOf = async ({ repo }: RunRecord): Promise<Result<Repository>> => {
    const repository = (await policy.current()).policy.repositories.get(repo);
    return repository
      ? ok(repository)
      : refuse('E_REPO_NOT_ALLOWED', 'the policy has changed and no longer allows this run');
  };

  /** Undefined where it was taken away since. */
  const platformOf = ({ worker }: Pick<RunRecord, 'worker'>): WorkerPlatform | undefined =>
    worker === 'lambda' || worker === 'fargate' ? platforms[worker] : undefined;

  /** Those that share a pool with the run. One whose repository has left the policy may be in any. */
  const rivalsOf = async (run: RunRecord, busy: readonly RunRecord[]): Promise<readonly RunRecord[]> => {
    const { repositories } = (await policy.current()).policy;
    const poolIn = (one: RunRecord): Pool | undefined => {
      const repository = repositories.get(one.repo);
      return repository && poolOf(one, repository);
    };
    const pools: readonly (Pool | undefined)[] = [poolIn(run), undefined];
    return busy.filter(other => other.id !== run.id && other.worker === run.worker && pools.includes(poolIn(other)));
  };

  return {
    choose: async (run, busy) => {
      const repository = await repositoryOf(run);
      if (!repository.ok) return repository;
      const { command, path: text } = run.request;
      const path = canonicalPath(text);
      if (!path.ok) return path;
      const chosen = chooseWorker({
        command,
        settings: givenSettings(repository.value, path.value),
        past: await ledger.list({ repo: run.repo, path: text, limit: historyLength }),
        installed,
        graceMs,
      });
      if (!chosen.ok) return chosen;
      const worker = chosen.value;
      const platform = platformOf({ worker });
      if (platform === undefined) throw new Error(`${worker} was chosen, and is not installed`);
      const room = platform.room?.[poolOf(run, repository.value)] ?? Infinity;
      const rivals = await rivalsOf({ ...run, worker }, busy);
      return ok(rivals.length < room ? { worker, startMs: platform.startMs } : 'later');
    },

    start: async (run, ticket) => {
      const repository = await repositoryOf(run);
      if (!repository.ok) return { failed: repository.problem.message };
      const platform = platformOf(run);
      return platform ? platform.start(run, ticket, poolOf(run, repository.value)) : gone(run);
    },

    look: async (run, busy) => {
      const platform = platformOf(run);
      if (platform === undefined) return (run.leaseUntil ?? 0) < now() ? gone(run) : undefined;
      const notStarted = await platform.look(run);
      if (!notStarted?.again || platform.room === undefined) return notStarted;
      const isCrowded = (await rivalsOf(run, busy)).some(({ state }) => state === 'running');
      return isCrowded ? { ...notStarted, isCrowded } : notStarted;
    },

    settle: async run => platformOf(run)?.settle(run) ?? isOverByTime(run, now(), graceMs),
  };
}

const gone = ({ worker }: RunRecord): NotStarted => ({
  failed: `there are no \`${worker}\` workers any more`,
  again: true,
});
