/** What somebody does who looks after an account: lets the keeper's minutes pass, and looks into the ledger. */
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { dynamoLedger } from '../../../invoker/aws/dynamo-ledger.ts';
import { dynamoLogs } from '../../../invoker/aws/dynamo-logs.ts';
import { dynamoTable } from '../../../invoker/aws/dynamo-table.ts';
import type { Ledger } from '../../../invoker/ledger.ts';
import type { RunRecord } from '../../../invoker/run.ts';
import { withoutColour } from '../../../policies/printable.ts';
import { clientFor } from '../../support/aws/clients.ts';
import type { Account } from './account.ts';
import { functionOf, roleOf } from './account.ts';

export interface Operator {
  readonly ledger: Ledger;
  /** One round of the keeper, whose clock is ahead by so much meanwhile; resolves when it is over. */
  readonly round: (aheadMs?: number) => Promise<void>;
  /** The newest run of a path, once it is as it should be. */
  readonly run: (path: string, is: (run: RunRecord) => boolean) => Promise<RunRecord>;
  /** Every line of a run's log so far. */
  readonly log: (id: string) => Promise<readonly string[]>;
  readonly objects: (bucket: string, prefix?: string) => Promise<readonly string[]>;
  readonly object: (bucket: string, key: string) => Promise<string>;
}

export function operatorOf({ front, rendered, admin, keeperClock }: Account): Operator {
  const table = dynamoTable({ client: new DynamoDBClient(admin), table: rendered.table.name });
  const mac = () => Promise.reject(new Error('an operator only looks'));
  const logs = dynamoLogs({ table, now: Date.now });
  const ledger = dynamoLedger({ table, mac, now: Date.now });
  // Who may wake the keeper: the deploy door.
  const waker = clientFor(front.url, front.issue(roleOf(rendered, 'deploy').arn), rendered.region);
  const lambda = new LambdaClient({ ...waker, maxAttempts: 10 });
  const s3 = new S3Client({ ...admin, forcePathStyle: true });
  return {
    ledger,
    round: async (aheadMs = 0) => {
      writeFileSync(keeperClock, `${aheadMs}`);
      const { FunctionError } = await lambda.send(
        new InvokeCommand({ FunctionName: functionOf(rendered, 'keeper').aliasArn, Payload: '{}' }),
      );
      writeFileSync(keeperClock, '0');
      if (FunctionError !== undefined) throw new Error(`the keeper failed: ${FunctionError}`);
    },
    run: (path, is) =>
      until(`${path} is as it should be`, async () => {
        const [run] = await ledger.list({ path, limit: 1 });
        return run && is(run) ? run : undefined;
      }),
    log: async id => (await logs.read(id, 0, 64 * 1024 * 1024)).lines.map(({ text }) => withoutColour(text)),
    objects: async (Bucket, Prefix) => {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, ...(Prefix && { Prefix }) }));
      return Contents.map(({ Key = '' }) => Key);
    },
    object: async (Bucket, Key) =>
      (await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString()) ?? '',
  };
}

const patienceMs = 60_000;

/** What `look` finds, once it finds something. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  for (const end = Date.now() + patienceMs; Date.now() < end; await pause(100)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`not within ${patienceMs / 1000} s: ${what}`);
}
