/** What somebody might try with credentials that are for something else, each with a role that may do just that. */
import { CloudWatchLogsClient, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient, GetItemCommand, QueryCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { GenerateMacCommand, KMSClient, VerifyMacCommand } from '@aws-sdk/client-kms';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { clientFor } from '../../support/aws/clients.ts';
import type { Rendered, RoleName } from '../../terraform/rendered.ts';
import { applyRole, functionOf, planRole, roleOf } from './account.ts';

type Config = ReturnType<typeof clientFor>;

export interface OtherCall {
  /** May do it. */
  readonly who: RoleName;
  readonly call: (config: Config) => Promise<unknown>;
}

const other =
  (who: RoleName, call: (config: Config, rendered: Rendered) => Promise<unknown>) =>
  (rendered: Rendered): OtherCall => ({ who, call: config => call(config, rendered) });

const dynamo = (config: Config) => new DynamoDBClient(config);
const ecs = (config: Config) => new ECSClient(config);
const kms = (config: Config) => new KMSClient(config);
const logs = (config: Config) => new CloudWatchLogsClient(config);
const s3 = (config: Config) => new S3Client({ ...config, forcePathStyle: true });
const secrets = (config: Config) => new SecretsManagerClient(config);
const sts = (config: Config) => new STSClient(config);

const told = (rendered: Rendered) => JSON.parse(functionOf(rendered, 'keeper').env.INFRA_DEPLOYER_SETTINGS ?? '');
const inTable = ({ table }: Rendered) => ({ TableName: table.name });
const cluster = (rendered: Rendered): string => told(rendered).fargate.cluster;
const key = { pk: { S: 'x' }, sk: { S: 'x' } };
const MacAlgorithm = 'HMAC_SHA_256';
const Message = Buffer.from('x');
const assume = (RoleArn: string) => new AssumeRoleCommand({ RoleArn, RoleSessionName: 'x1', SourceIdentity: 'x1' });

/** What they name is not there wherever who may do it would do harm. */
export const otherCalls: Readonly<Record<string, (rendered: Rendered) => OtherCall>> = {
  'reads the ledger': other('audit', (c, r) => dynamo(c).send(new GetItemCommand({ ...inTable(r), Key: key }))),
  'lists the ledger': other('audit', (c, r) =>
    dynamo(c).send(
      new QueryCommand({
        ...inTable(r),
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': key.pk },
      }),
    ),
  ),
  'writes the ledger': other('deploy', (c, r) =>
    dynamo(c).send(new TransactWriteItemsCommand({ TransactItems: [{ Put: { ...inTable(r), Item: key } }] })),
  ),
  'reads the policy': other('deploy', (c, r) =>
    s3(c).send(new GetObjectCommand({ Bucket: r.buckets.policy.name, Key: told(r).policy.key })),
  ),
  'lists plans': other('keeper', (c, r) => s3(c).send(new ListObjectsV2Command({ Bucket: r.buckets.plans.name }))),
  'reads a plan': other('worker', (c, r) =>
    s3(c).send(new GetObjectCommand({ Bucket: r.buckets.plans.name, Key: 'plans/x' })),
  ),
  'lists the mirror': other('keeper', (c, r) => s3(c).send(new ListObjectsV2Command({ Bucket: r.buckets.audit.name }))),
  'reads the deploy key': other('run', c =>
    secrets(c).send(new GetSecretValueCommand({ SecretId: 'infra-deployer/deploy-key' })),
  ),
  'makes keys of runs': other('deploy', (c, r) =>
    kms(c).send(new GenerateMacCommand({ KeyId: r.keys.runKeys.arn, Message, MacAlgorithm })),
  ),
  'signs receipts': other('worker', (c, r) =>
    kms(c).send(new GenerateMacCommand({ KeyId: r.keys.records.arn, Message, MacAlgorithm })),
  ),
  'checks what is signed': other('audit', (c, r) =>
    kms(c).send(new VerifyMacCommand({ KeyId: r.keys.records.arn, Message, Mac: Message, MacAlgorithm })),
  ),
  "takes the runs' role": other('worker', (c, r) => sts(c).send(assume(roleOf(r, 'run').arn))),
  'takes a plan role': other('worker', c => sts(c).send(assume(planRole))),
  'takes an apply role': other('worker', c => sts(c).send(assume(applyRole))),
  'lists tasks': other('keeper', (c, r) => ecs(c).send(new ListTasksCommand({ cluster: cluster(r) }))),
  'looks at a task': other('keeper', (c, r) =>
    ecs(c).send(new DescribeTasksCommand({ cluster: cluster(r), tasks: ['x'] })),
  ),
  'stops a task': other('keeper', (c, r) => ecs(c).send(new StopTaskCommand({ cluster: cluster(r), task: 'x' }))),
  'starts a task': other('keeper', (c, r) =>
    ecs(c).send(
      new RunTaskCommand({ cluster: cluster(r), taskDefinition: told(r).fargate.apply.replace(/\d+$/, '99') }),
    ),
  ),
  'writes the log of a run': other('keeper', (c, r) =>
    logs(c).send(
      new PutLogEventsCommand({
        logGroupName: told(r).logGroup,
        logStreamName: 'x',
        logEvents: [{ timestamp: Date.now(), message: 'x' }],
      }),
    ),
  ),
};
