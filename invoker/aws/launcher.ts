/** The launcher on AWS: functions and tasks, each for the runs that suit it. */
import type { Repository } from '../../policies/allowlist.ts';
import { ok, type Result, refuse } from '../../policies/contract/error.ts';
import { canonicalPath } from '../../policies/path.ts';
import { givenSettings } from '../../policies/stack.ts';
import type { Launcher, Ledger } from '../ledger.ts';
import type { PolicySource } from '../policy-source.ts';
import type { RunRecord, WorkerKind } from '../run.ts';
import { chooseWorker, type Platform } from './choose-worker.ts';
import { type Pool, poolOf } from './pool.ts';

/** What a launcher is for one kind of worker. */
export interface WorkerPlatform extends Pick<Launcher, 'look' | 'settle'> {
  /** How long its workers have to claim their run. */
  readonly startMs: number;
  start(run: RunRecord, ticket: string, pool: Pool): ReturnType<Launcher['start']>;
}

export interface AwsLauncherParts {
  /** Those that are installed, one at least. */
  readonly platforms: Readonly<Partial<Record<Platform, WorkerPlatform>>>;
  readonly policy: PolicySource;
  readonly ledger: Pick<Ledger, 'list'>;
  readonly graceMs: number;
}

/** Runs of a path that are looked at for how long its plans take. */
const historyLength = 50;

export function awsLauncher({ platforms, policy, ledger, graceMs }: AwsLauncherParts): Launcher {
  const installed = (['lambda', 'fargate'] as const).filter(name => platforms[name] !== undefined);

  const repositoryOf = async ({ repo }: RunRecord): Promise<Result<Repository>> => {
    const repository = (await policy.current()).policy.repositories.get(repo);
    return repository
      ? ok(repository)
      : refuse('E_REPO_NOT_ALLOWED', 'the policy has changed and no longer allows this run');
  };

  /** A platform that was taken away holds the paths of its runs: nobody can see what is left there. */
  const platformOf = (worker: WorkerKind | undefined): WorkerPlatform => {
    const platform = worker === 'lambda' || worker === 'fargate' ? platforms[worker] : undefined;
    if (platform === undefined) throw new Error(`a run has a ${worker} worker, and none are installed any more`);
    return platform;
  };

  return {
    choose: async run => {
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
      return ok({ worker: chosen.value, startMs: platformOf(chosen.value).startMs });
    },

    start: async (run, ticket) => {
      const repository = await repositoryOf(run);
      if (!repository.ok) return { failed: repository.problem.message };
      return platformOf(run.worker).start(run, ticket, poolOf(run, repository.value));
    },

    look: async run => platformOf(run.worker).look(run),
    settle: async run => platformOf(run.worker).settle(run),
  };
}
