/** DynamoDB for tests that need no judge: moto behind the rules that it does not keep itself, and failures on demand. */
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { anybody, clientFor } from './clients.ts';
import { dynamoRules } from './dynamo-rules.ts';
import { failed } from './failure.ts';
import { startListener } from './listener.ts';
import type { Moto } from './moto.ts';
import { createUpstream } from './upstream.ts';
import { type AwsRequest, type AwsResponse, jsonResponse } from './wire.ts';

/** `lost` and `in progress`: it is done, and the answer does not say so. The others: nothing is done. */
export type Mishap = 'lost' | 'in the way' | 'in progress' | 'throttled';

export interface Dynamo {
  readonly client: DynamoDBClient;
  /** A new table, by its name. */
  newTable(): Promise<string>;
  /** The next `times` transactions meet this. */
  befall(mishap: Mishap, times?: number): void;
  /** Transactions so far, and what they cost in items. */
  readonly transactions: readonly { readonly items: number }[];
  stop(): Promise<void>;
}

export async function startDynamo(moto: Moto): Promise<Dynamo> {
  const mishaps: Mishap[] = [];
  const transactions: { items: number }[] = [];
  const upstream = createUpstream(moto.url, '123456789012');
  const obey = dynamoRules(request => upstream.send(request, 'dynamodb', 'eu-west-1'));
  const listener = await startListener(async request => {
    if (!request.headers['x-amz-target']?.endsWith('.TransactWriteItems')) return obey(request);
    const { TransactItems } = JSON.parse(request.body.toString()) as { TransactItems: unknown[] };
    transactions.push({ items: TransactItems.length });
    const mishap = mishaps.shift();
    if (mishap === 'lost' || mishap === 'in progress') await obey(request);
    return mishap === undefined ? obey(request) : outcomes[mishap](request, TransactItems.length);
  });
  const client = new DynamoDBClient({ ...clientFor(listener.url, anybody), maxAttempts: 3 });
  let tables = 0;
  return {
    client,
    newTable: async () => {
      const TableName = `table-${tables++}`;
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'pk', AttributeType: 'S' },
            { AttributeName: 'sk', AttributeType: 'S' },
          ],
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
        }),
      );
      return TableName;
    },
    befall: (mishap, times = 1) => mishaps.push(...Array<Mishap>(times).fill(mishap)),
    transactions,
    stop: async () => {
      client.destroy();
      await listener.stop();
    },
  };
}

const outcomes: Record<Mishap, (request: AwsRequest, items: number) => AwsResponse> = {
  lost: request => failed(request, 500, 'InternalServerError', 'nobody knows'),
  'in the way': (_, items) =>
    jsonResponse(400, {
      __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
      Message: 'Transaction cancelled',
      CancellationReasons: Array.from({ length: items }, (_, at) => ({
        Code: at === 0 ? 'TransactionConflict' : 'None',
      })),
    }),
  'in progress': request => failed(request, 400, 'TransactionInProgressException', 'the same is under way'),
  throttled: request => failed(request, 400, 'ThrottlingException', 'too fast'),
};
