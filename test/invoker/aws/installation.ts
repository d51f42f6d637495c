/** An installation without workers: its functions, and its stores in moto behind the front. The module says who may do what. */
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ofS3 } from '../../../invoker/aws/clients.ts';
import { anybody, clientFor } from '../../support/aws/clients.ts';
import { type Front, startFront } from '../../support/aws/front.ts';
import { readPolicy } from '../../support/aws/iam/policy-document.ts';
import { startMoto } from '../../support/aws/moto.ts';
import type { LambdaFunction } from '../../support/aws/world.ts';
import { dist } from '../../support/cli.ts';
import { type Rendered, type RenderedFunction, type RoleName, renderModule } from '../../terraform/rendered.ts';

/** May read at the audit door, as the account's own policies would say. */
export const auditor = 'arn:aws:iam::111111111111:role/auditor';

export interface Installation {
  readonly front: Front;
  readonly rendered: Rendered;
  /** For SDK clients of whoever holds the role, and of somebody whom nobody judges. */
  readonly as: (role: RoleName) => ReturnType<typeof clientFor>;
  readonly admin: ReturnType<typeof clientFor>;
  readonly s3: (as?: RoleName) => S3Client;
  readonly stop: () => Promise<void>;
}

export async function startInstallation(now: () => number = Date.now): Promise<Installation> {
  const rendered = await renderModule();
  const { account, region, roles, buckets, keys } = rendered;
  const moto = await startMoto({ account });
  const front = await startFront({
    moto: moto.url,
    now,
    world: {
      account,
      region,
      roles: {
        ...Object.fromEntries(Object.values(roles).map(({ arn, trust, policies }) => [arn, { trust, policies }])),
        [auditor]: {
          trust: rendered.targetTrust,
          policies: [allow('lambda:InvokeFunction', doorOf(rendered, 'audit').aliasArn)],
        },
      },
      functions: {
        ...Object.fromEntries(doors.map(name => [doorOf(rendered, name).arn, lambdaOf(doorOf(rendered, name))])),
        [doorOf(rendered, 'keeper').arn]: { ...lambdaOf(doorOf(rendered, 'keeper')), ...asleep },
        [keeperOf(rendered)]: lambdaOf(doorOf(rendered, 'keeper')),
      },
      macKeys: [keys.records.arn, keys.runKeys.arn],
      resourcePolicies: Object.fromEntries(
        [...Object.values(buckets), ...Object.values(keys)].map(({ arn, policy }) => [arn, policy]),
      ),
    },
  });
  const admin = clientFor(moto.url, anybody, region);
  const as = (role: RoleName) => {
    const { arn } = roles[role] ?? {};
    if (arn === undefined) throw new Error(`the module makes no role ${role}`);
    return clientFor(front.url, front.issue(arn), region);
  };
  const s3 = (role?: RoleName) => new S3Client({ ...ofS3, ...(role === undefined ? admin : as(role)) });
  await makeBuckets(rendered, s3());
  await makeTable(rendered, new DynamoDBClient(admin));
  return {
    front,
    rendered,
    as,
    admin,
    s3,
    stop: async () => {
      await front.stop();
      await moto.stop();
    },
  };
}

/** As the module makes them. */
async function makeBuckets({ buckets, keys }: Rendered, s3: S3Client): Promise<void> {
  const CreateBucketConfiguration = { LocationConstraint: 'eu-west-1' as const };
  for (const [kind, { name: Bucket }] of Object.entries(buckets))
    await s3.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration, ObjectLockEnabledForBucket: kind === 'audit' }),
    );
  const encryption = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: keys.plans.arn } as const;
  await s3.send(
    new PutBucketEncryptionCommand({
      Bucket: buckets.plans.name,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: encryption, BucketKeyEnabled: true }],
      },
    }),
  );
  await s3.send(
    new PutBucketVersioningCommand({ Bucket: buckets.policy.name, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  await s3.send(
    new PutObjectLockConfigurationCommand({
      Bucket: buckets.audit.name,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 365 } },
      },
    }),
  );
}

async function makeTable({ table }: Rendered, client: DynamoDBClient): Promise<void> {
  const keys = [
    ['pk', 'HASH'],
    ['sk', 'RANGE'],
  ] as const;
  await client.send(
    new CreateTableCommand({
      TableName: table.name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: keys.map(([AttributeName, KeyType]) => ({ AttributeName, KeyType })),
      AttributeDefinitions: keys.map(([AttributeName]) => ({ AttributeName, AttributeType: 'S' })),
    }),
  );
}

const doors = ['deploy', 'worker', 'audit', 'keeper'] as const;

export function doorOf({ functions }: Rendered, name: (typeof doors)[number]): RenderedFunction {
  const door = functions[name];
  if (door === undefined) throw new Error(`the module makes no ${name}`);
  return door;
}

/** The keeper under another name: the doors wake one that never comes, so that nothing happens but what a test asks for. */
export const keeperOf = (rendered: Rendered): string => `${doorOf(rendered, 'keeper').arn}-of-the-test`;
const asleep = { concurrency: 0, asynchronous: { retries: 0, maximumAgeSeconds: 0 } } as const;

const lambdaOf = ({ role, env, timeout }: RenderedFunction): LambdaFunction => ({
  role,
  aliases: ['live'],
  env,
  timeoutSeconds: timeout,
  code: { bundle: join(dist(), 'lambda', 'index.mjs') },
});

const allow = (Action: string, Resource: string) =>
  readPolicy({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource } });
