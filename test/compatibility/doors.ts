/** Today's doors on a table of DynamoDB, as a client or a worker of any version meets them: operations by direct invocation. */
import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { auditCheck, auditOperations } from '../../invoker/audit-operations.ts';
import { dynamoLedger } from '../../invoker/aws/dynamo-ledger.ts';
import { dynamoLogs } from '../../invoker/aws/dynamo-logs.ts';
import { dynamoTable } from '../../invoker/aws/dynamo-table.ts';
import { deployOperations } from '../../invoker/deploy-operations.ts';
import { directAudit } from '../../invoker/direct-audit.ts';
import { directDeploy } from '../../invoker/direct-deploy.ts';
import type { Answer } from '../../invoker/direct-door.ts';
import { directWorker } from '../../invoker/direct-worker.ts';
import { keep } from '../../invoker/keeper.ts';
import type { Ledger, Plans } from '../../invoker/ledger.ts';
import { runReading } from '../../invoker/run-reading.ts';
import { deriveKeys } from '../../invoker/secret.ts';
import { workerOperations } from '../../invoker/worker-operations.ts';
import { ok, refuse } from '../../policies/contract/error.ts';
import { isMacOf, macOf } from '../../policies/mac.ts';
import { parseAllowlist } from '../../policies/parse.ts';
import { anybody, clientFor } from '../support/aws/clients.ts';
import type { Moto } from '../support/aws/moto.ts';
import { identityOf, installedPolicy } from './installed.ts';

export type DoorName = 'deploy' | 'worker' | 'audit';
export type Item = Record<string, AttributeValue>;

export interface Doors {
  readonly ask: (door: DoorName, event: object) => Promise<Answer>;
  /** A round of the keeper; answers the tickets of what it has started, by run. */
  readonly round: () => Promise<Readonly<Record<string, string>>>;
  /** Its worker is gone. */
  readonly gone: (run: string) => void;
  readonly ledger: Ledger;
  readonly items: () => Promise<readonly Item[]>;
}

/** A new table with these items, and a clock that goes on by a second with each question, from `from` on. */
export async function openDoors(
  { url }: Moto,
  name: string,
  from: number,
  items: readonly Item[] = [],
): Promise<Doors> {
  const client = new DynamoDBClient(clientFor(url, anybody));
  await makeTable(client, name, items);
  let clock = from;
  const now = () => clock;
  // The keys of KMS outlive every version.
  const keys = deriveKeys(new Uint8Array(32).fill(7));
  const table = dynamoTable({ client, table: name });
  const mac = async (purpose: 'audit' | 'receipt', text: string) => macOf(text, keys[purpose]);
  const ledger = dynamoLedger({ table, mac, now });
  const logs = dynamoLogs({ table, now });
  const parsed = parseAllowlist(installedPolicy, 'allowlist.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  const inForce = { policy: parsed.policy, digest: 'd'.repeat(64) };
  const policy = { current: async () => inForce };
  const usual = { ledger, logs, policy, now, seals: keys, wake: async () => {} };
  const failed = (error: unknown): never => {
    throw error;
  };

  const stored = new Set<string>();
  const plans: Plans = {
    grantUpload: async id => {
      stored.add(id);
      return `https://plans.example.com/${id}?upload`;
    },
    grantDownload: async id => `https://plans.example.com/${id}?download`,
    has: async id => stored.has(id),
    remove: async id => void stored.delete(id),
    list: async () => [...stored],
  };
  const session = {
    accessKeyId: 'ASIA',
    secretAccessKey: 's',
    sessionToken: 't',
    expiresAt: '2026-01-01T01:00:00.000Z',
  };
  const deploy = directDeploy({
    operations: deployOperations({ ...usual, pollMs: 2000, maxQueued: 10, maxQueuedPerUser: 10 }),
    verify: async token => {
      const identity = identityOf(token);
      return identity ? ok(identity) : refuse('E_TOKEN_SIGNATURE', 'the token is of nobody');
    },
    policy,
    failed,
  });
  const worker = directWorker({
    operations: workerOperations({
      ...usual,
      plans,
      credentials: {
        ofSource: async () => ok(session),
        ofRun: async () => ok({ role: session, secrets: session }),
      },
      grantErroredState: async ({ id }) => `https://plans.example.com/${id}.tfstate?upload`,
      ...{ leaseMs: 60_000, heartbeatMs: 5000, graceMs: 120_000 },
    }),
    failed,
  });
  const reading = runReading({ ...usual, pollMs: 2000 });
  const verifyAudit = auditCheck(ledger, async (given, hash) => isMacOf(given, hash, keys.audit));
  const audit = directAudit({ operations: { ...auditOperations(ledger), ...reading, verifyAudit }, failed });
  const doors = { deploy, worker, audit };

  const gone = new Set<string>();
  return {
    ask: (door, event) => {
      clock += 1000;
      return doors[door](event, `request-${clock}`);
    },
    round: async () => {
      const tickets: Record<string, string> = {};
      await keep({
        ...{ ledger, plans, now, workers: 10, report: () => {} },
        patience: { startMs: 300_000, leaseMs: 60_000, overtimeMs: 180_000, retryMs: 900_000 },
        launcher: {
          choose: async () => ok({ worker: 'fargate', startMs: 300_000 }),
          start: async ({ id }, ticket) => {
            tickets[id] = ticket;
            return undefined;
          },
          look: async () => undefined,
          settle: async ({ id }) => gone.has(id),
        },
      });
      return tickets;
    },
    gone: run => gone.add(run),
    ledger,
    items: async () => (await client.send(new ScanCommand({ TableName: name, ConsistentRead: true }))).Items ?? [],
  };
}

async function makeTable(client: DynamoDBClient, TableName: string, items: readonly Item[]): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
  if (items.length === 0) return;
  const RequestItems = { [TableName]: items.map(Item => ({ PutRequest: { Item } })) };
  await client.send(new BatchWriteItemCommand({ RequestItems }));
}
