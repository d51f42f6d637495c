/** The ledger and the logs on DynamoDB and KMS, as tests stand them on moto: a table and keys of their own each time. */
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { dynamoLedger } from '../../../invoker/aws/dynamo-ledger.ts';
import { dynamoLogs } from '../../../invoker/aws/dynamo-logs.ts';
import { dynamoTable } from '../../../invoker/aws/dynamo-table.ts';
import { type KmsKey, recordChecks, recordMacs } from '../../../invoker/aws/kms-macs.ts';
import { anybody, clientFor } from '../../support/aws/clients.ts';
import { type Dynamo, startDynamo } from '../../support/aws/dynamo.ts';
import { type Moto, startMoto } from '../../support/aws/moto.ts';
import { t0 } from '../sample-run.ts';

export interface OnDynamo {
  readonly moto: Moto;
  readonly dynamo: Dynamo;
  readonly key: KmsKey;
  readonly stop: () => Promise<void>;
}

export async function startOnDynamo(): Promise<OnDynamo> {
  const moto = await startMoto();
  const dynamo = await startDynamo(moto);
  const key = await newKey(moto);
  return {
    moto,
    dynamo,
    key,
    stop: async () => {
      await dynamo.stop();
      await moto.stop();
    },
  };
}

export async function newKey(moto: Moto): Promise<KmsKey> {
  const client = new KMSClient(clientFor(moto.url, anybody));
  const { KeyMetadata } = await client.send(
    new CreateKeyCommand({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }),
  );
  return { client, key: KeyMetadata?.Arn ?? '' };
}

export async function newStores({ dynamo, key }: OnDynamo, now = () => t0) {
  const table = dynamoTable({ client: dynamo.client, table: await dynamo.newTable() });
  const open = () => dynamoLedger({ table, mac: recordMacs(key).mac, now });
  return { table, ledger: open(), open, logs: dynamoLogs({ table, now }), isMac: recordChecks(key) };
}
