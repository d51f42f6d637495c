/** The ports of a function, each loaded and made when it is first needed: what is refused before that pays for no SDK. */
import type { Ledger, Logs, Plans } from '../ledger.ts';
import type { PolicySource } from '../policy-source.ts';
import type { Seals } from '../secret.ts';
import { clients } from './clients.ts';
import { deferred } from './deferred.ts';
import type { Log } from './log.ts';
import type { AuditSettings, DeploySettings, KeeperSettings, Settings, WorkerSettings } from './settings.ts';

const now = Date.now;

/** Only a function that may make codes can write. */
export const ledgerOf = ({ table: name, recordsKey: key }: Settings): Ledger =>
  deferred(async () => {
    const [{ dynamoLedger }, { dynamoTable }, { recordMacs }] = await Promise.all([
      import('./dynamo-ledger.ts'),
      import('./dynamo-table.ts'),
      import('./kms-macs.ts'),
    ]);
    const table = dynamoTable({ client: await clients.dynamo(), table: name });
    return dynamoLedger({ table, mac: recordMacs({ client: await clients.kms(), key }).mac, now });
  });

export const logsOf = ({ table: name }: Settings): Logs =>
  deferred(async () => {
    const [{ dynamoLogs }, { dynamoTable }] = await Promise.all([
      import('./dynamo-logs.ts'),
      import('./dynamo-table.ts'),
    ]);
    return dynamoLogs({ table: dynamoTable({ client: await clients.dynamo(), table: name }), now });
  });

export const policyOf = ({ policy }: DeploySettings | WorkerSettings | KeeperSettings, log: Log): PolicySource =>
  deferred(async () => {
    const { policyObject } = await import('./policy-object.ts');
    const broken = (problems: readonly string[]) => log.error('policy-broken', { problems });
    return policyObject({ client: await clients.s3(), ...policy, broken });
  });

export const receiptMacsOf = ({ recordsKey: key }: Settings): Pick<Seals, 'isReceiptMac'> =>
  deferred(async () => {
    const { recordMacs } = await import('./kms-macs.ts');
    return recordMacs({ client: await clients.kms(), key });
  });

/** For auditors: this function may check codes, and make none. */
export const auditMacsOf = ({ recordsKey: key }: AuditSettings) =>
  deferred(async () => {
    const { recordChecks } = await import('./kms-macs.ts');
    const check = recordChecks({ client: await clients.kms(), key });
    return { isAuditMac: (mac: string, hash: string) => check('audit', mac, hash) };
  });

export const runKeysOf = ({ runKeysKey: key }: DeploySettings): Pick<Seals, 'runKey'> =>
  deferred(async () => {
    const { runKeys } = await import('./kms-macs.ts');
    return runKeys({ client: await clients.kms(), key });
  });

export const plansOf = ({ plans: { bucket } }: WorkerSettings | KeeperSettings): Plans =>
  deferred(async () => {
    const { s3Plans } = await import('./s3-plans.ts');
    return s3Plans({ client: await clients.s3(), bucket, now });
  });

/** Wakes the keeper and does not wait for it: where that fails, its minute comes. */
export const wakeOf =
  ({ keeper }: DeploySettings | WorkerSettings, log: Log) =>
  async (): Promise<void> => {
    try {
      const { InvokeCommand } = await import('@aws-sdk/client-lambda');
      await (await clients.lambda()).send(new InvokeCommand({ FunctionName: keeper, InvocationType: 'Event' }));
    } catch (error) {
      log.warn('failed', { what: 'waking the keeper', words: (error as Error).message });
    }
  };
