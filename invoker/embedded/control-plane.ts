/** The whole control plane in one process: the doors on one address, the keeper on a timer, everything in one directory. */
import type { FastifyServerOptions } from 'fastify';
import { Type } from 'typebox';
import { verifyChain } from '../../policies/audit-chain.ts';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import { version } from '../../policies/contract/version.ts';
import { policyWarnings } from '../../policies/policy-warnings.ts';
import { buildApp } from '../app.ts';
import { auditOperations } from '../audit-operations.ts';
import { deployOperations } from '../deploy-operations.ts';
import { auditDoor } from '../doors/audit.ts';
import { deployDoor } from '../doors/deploy.ts';
import { workerDoor } from '../doors/worker.ts';
import { usualKeyTimes } from '../identity/issuer-keys.ts';
import { tokenVerifier } from '../identity/verify.ts';
import { keep } from '../keeper.ts';
import type { Ledger } from '../ledger.ts';
import { type PolicyInForce, policyFile } from '../policy-source.ts';
import type { RunRecord } from '../run.ts';
import { deriveKeys } from '../secret.ts';
import { workerOperations } from '../worker-operations.ts';
import { childProcessLauncher } from './child-process.ts';
import { dataDirectory } from './data-directory.ts';
import { isolationOf } from './isolation.ts';
import { noCredentials } from './no-credentials.ts';
import { planFiles } from './plan-files.ts';
import { type Rounds, startRounds } from './rounds.ts';
import { sqliteLedger } from './sqlite-ledger.ts';
import { sqliteLogs } from './sqlite-logs.ts';

export interface ControlPlaneOptions {
  readonly policyFile: string;
  readonly dataDir: string;
  readonly host: string;
  /** 0: the port of the server before, or a free one. */
  readonly port: number;
  readonly leaseMs: number;
  readonly workers: number;
  readonly workerEntry: string;
  /** Where workers look for git, ssh and Terraform. */
  readonly path: string;
  readonly logger: NonNullable<FastifyServerOptions['logger']>;
  readonly now: () => number;
}

const heartbeatMs = 1000;
const pollMs = 50;
const graceMs = 120_000;
const [maxQueued, maxQueuedPerUser] = [1000, 100];

const HealthSchema = Type.Object({
  status: Type.Union([Type.Literal('ok'), Type.Literal('degraded')]),
  version: Type.String(),
  problems: Type.Array(Type.String()),
  runs: Type.Object({ queued: Type.Integer(), running: Type.Integer() }),
});

/** Starts everything; answers the url it listens on and how to stop. Workers go on without it for one lease. */
export async function startControlPlane(
  options: ControlPlaneOptions,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const { leaseMs, now } = options;
  const app = buildApp(options.logger);
  // INVARIANT: set before a request can be made; what is in force at the start is recorded below.
  let record = (_inForce: PolicyInForce): void => {};
  const policy = policyFile(
    options.policyFile,
    {
      changed: inForce => {
        app.log.info({ digest: inForce.digest }, 'policy in force');
        for (const warning of policyWarnings(inForce.policy)) app.log.warn(warning);
        record(inForce);
      },
      broken: problems => app.log.error({ problems }, 'the policy file is broken; the last good one stays in force'),
    },
    now,
  );
  const directory = dataDirectory(options.dataDir);
  const { database, tokens } = directory;
  const keys = deriveKeys(directory.rootKey);
  const ledger = sqliteLedger({ database, keys, now });
  const logs = sqliteLogs(database);
  let url = '';
  const { plans, routes } = planFiles({ directory: directory.plans, keys, url: () => url, now });
  const verify = tokenVerifier(async () => (await policy.current()).policy.issuers, usualKeyTimes, now);
  const broken = await chainProblem(ledger, keys.audit);

  record = ({ digest }) =>
    void ledger
      .record({ kind: 'policy', caller: 'policy file', policyDigest: digest })
      .catch(err => app.log.error({ err }, 'the policy could not be recorded'));
  record(await policy.current());

  // The doors wake the keeper, which needs their address, which is known once they listen.
  let rounds: Rounds | undefined;
  const wake = async (): Promise<void> => rounds?.wake();

  const isolation = isolationOf(options.workerEntry, options.path, app.log);
  // Logged there, and met again by whoever starts a worker.
  isolation.catch(() => {});
  const launcher = childProcessLauncher({
    entry: options.workerEntry,
    isolation,
    work: directory.work,
    state: directory.state,
    cache: directory.cache,
    path: options.path,
    url: () => url,
    now,
    startMs: leaseMs,
    graceMs,
    exited: () => void wake(),
    report: (run, words) => app.log.error({ run, words }, 'a worker ended badly'),
  });
  const keeperParts = {
    ledger,
    launcher,
    plans,
    now,
    // What cannot be started here will not start a minute later either: no start is tried again.
    patience: { startMs: leaseMs, retryMs: 0, leaseMs, overtimeMs: graceMs + leaseMs },
    workers: options.workers,
    report: (event: string, run: RunRecord, words: string) => app.log.error({ event, run: run.id }, words),
  };

  const operations = deployOperations({
    ledger,
    logs,
    policy,
    seals: keys,
    now,
    wake,
    pollMs,
    maxQueued,
    maxQueuedPerUser,
  });
  await app.register(deployDoor({ operations, tokens, verify }));
  await app.register(auditDoor({ operations: auditOperations(ledger), tokens }));
  await app.register(
    workerDoor(
      workerOperations({
        ledger,
        logs,
        plans,
        policy,
        seals: keys,
        credentials: noCredentials,
        now,
        wake,
        leaseMs,
        heartbeatMs,
        graceMs,
      }),
    ),
  );
  await app.register(routes);
  app.get(
    '/healthz',
    { schema: { summary: 'ok, or what is wrong', response: { 200: HealthSchema, 503: HealthSchema } } },
    async (_request, reply) => {
      const problems = [...policy.problems(), broken, rounds?.problem()].filter(problem => problem !== undefined);
      const open = await ledger.open();
      reply.code(problems.length === 0 ? 200 : 503);
      return {
        status: problems.length === 0 ? ('ok' as const) : ('degraded' as const),
        version,
        problems,
        runs: {
          queued: open.filter(run => run.state === 'queued').length,
          running: open.filter(run => run.state === 'starting' || run.state === 'running').length,
        },
      };
    },
  );

  const { host } = options;
  const port = options.port === 0 ? (directory.formerPort ?? 0) : options.port;
  url = await app.listen({ host, port }).catch(error => {
    // Nobody has asked for this port: something else has it now, and workers of before end by themselves.
    if (options.port !== 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return app.listen({ host, port: 0 });
  });
  directory.announce(url);
  const running = startRounds({
    round: mayExpire => keep(keeperParts, mayExpire),
    now,
    leaseMs,
    failed: err => app.log.error({ err }, 'the keeper failed'),
  });
  rounds = running;

  return {
    url,
    stop: async () => {
      await app.close();
      await running.stop();
      database.close();
    },
  };
}

/** Checks the whole chain once, at the start: a trail that was changed while nobody looked is told in /healthz. */
async function chainProblem(ledger: Ledger, key: Uint8Array): Promise<string | undefined> {
  let last: { seq: number; hash: string } | undefined;
  for (;;) {
    const page: readonly AuditEntry[] = await ledger.audit(last?.seq ?? 0, 1000);
    if (page.length === 0) return undefined;
    const verdict = verifyChain(page, key, last);
    if (!verdict.ok) return `the audit trail is broken at entry ${verdict.seq}: ${verdict.why}`;
    last = verdict;
  }
}
