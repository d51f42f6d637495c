/** The functions of the control plane, each made of what it may use and of nothing else. */
import { auditCheck, auditOperations } from '../audit-operations.ts';
import { deployOperations } from '../deploy-operations.ts';
import { directAudit } from '../direct-audit.ts';
import { directDeploy } from '../direct-deploy.ts';
import type { Answer } from '../direct-door.ts';
import { directWorker } from '../direct-worker.ts';
import { usualKeyTimes } from '../identity/issuer-keys.ts';
import { tokenVerifier } from '../identity/verify.ts';
import { runReading } from '../run-reading.ts';
import { workerOperations } from '../worker-operations.ts';
import { auditMacsOf, ledgerOf, logsOf, plansOf, policyOf, receiptMacsOf, runKeysOf, wakeOf } from './adapters.ts';
import { clients } from './clients.ts';
import { deferred } from './deferred.ts';
import { keeperFunction } from './keeper-function.ts';
import { type Log, wordsOf } from './log.ts';
import type { AuditSettings, DeploySettings, Settings, WorkerSettings } from './settings.ts';
import { graceMs, heartbeatMs, leaseMs, pollMs } from './times.ts';

/** What Lambda calls. */
export type Serve = (event: unknown, requestId: string) => Promise<unknown>;

const now = Date.now;
const maxQueued = 1000;

export function functionOf(settings: Settings, log: Log): Serve {
  switch (settings.function) {
    case 'deploy':
      return told(deployFunction(settings, log), log);
    case 'worker':
      return told(workerFunction(settings, log), log);
    case 'audit':
      return told(auditFunction(settings, log), log);
    case 'keeper':
      return keeperFunction(settings, log);
  }
}

const failedIn = (log: Log) => (error: unknown) => log.error('failed', { words: wordsOf(error) });

function deployFunction(settings: DeploySettings, log: Log) {
  const policy = policyOf(settings, log);
  const operations = deployOperations({
    ledger: ledgerOf(settings),
    logs: logsOf(settings),
    policy,
    seals: {
      runKey: runKeysOf(settings).runKey,
      isReceiptMac: receiptMacsOf(settings).isReceiptMac,
    },
    now,
    wake: wakeOf(settings, log),
    pollMs,
    maxQueued,
  });
  const verify = tokenVerifier(async () => (await policy.current()).policy.issuers, usualKeyTimes, now);
  return directDeploy({ operations, verify, policy, failed: failedIn(log) });
}

function workerFunction(settings: WorkerSettings, log: Log) {
  const { providerCache, runRole } = settings;
  const operations = workerOperations({
    ledger: ledgerOf(settings),
    logs: logsOf(settings),
    plans: plansOf(settings),
    policy: policyOf(settings, log),
    seals: receiptMacsOf(settings),
    credentials: deferred(async () => {
      const { stsCredentials } = await import('./sts-credentials.ts');
      return stsCredentials({ sts: await clients.sts(), runRole });
    }),
    grantErroredState: async run => {
      const { erroredStates } = await import('./errored-states.ts');
      return erroredStates({ client: await clients.s3(), ...settings.erroredStates, now })(run);
    },
    ...(providerCache && {
      grantProviders: async asked => {
        const { s3ProviderCache } = await import('./s3-provider-cache.ts');
        return s3ProviderCache({ client: await clients.s3(), ...providerCache, now })(asked);
      },
    }),
    now,
    wake: wakeOf(settings, log),
    leaseMs,
    heartbeatMs,
    graceMs,
  });
  return directWorker({ operations, failed: failedIn(log) });
}

function auditFunction(settings: AuditSettings, log: Log) {
  const ledger = ledgerOf(settings);
  // An auditor shows no key, and this function can make none.
  const seals = { runKey: () => Promise.reject(new Error('the audit door makes no keys')) };
  const reading = runReading({ ledger, logs: logsOf(settings), seals, now, pollMs });
  const verifyAudit = auditCheck(ledger, auditMacsOf(settings).isAuditMac);
  return directAudit({ operations: { ...auditOperations(ledger), ...reading, verifyAudit }, failed: failedIn(log) });
}

/** Says in the log what was refused, for alarms to count. */
const told =
  (door: (event: unknown, requestId: string) => Promise<Answer>, log: Log): Serve =>
  async (event, requestId) => {
    const answer = await door(event, requestId);
    const { status, body } = answer;
    if (status >= 400 && status < 500)
      log.warn('denied', { status, code: (body as { error?: { code?: string } }).error?.code });
    return answer;
  };
