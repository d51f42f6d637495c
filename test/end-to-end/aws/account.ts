/** A whole installation in an account: what the Terraform module would make, with the built bundles behind it, and moto for the stores. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CloudWatchLogsClient, CreateLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateClusterCommand, ECSClient, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { stringify } from 'yaml';
import { anybody, clientFor } from '../../support/aws/clients.ts';
import { type Front, type FrontOptions, startFront } from '../../support/aws/front.ts';
import { type PolicyDocument, readPolicy } from '../../support/aws/iam/policy-document.ts';
import { startMoto } from '../../support/aws/moto.ts';
import type { LambdaFunction, World } from '../../support/aws/world.ts';
import { dist, runCli } from '../../support/cli.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { type Sshd, startSshd } from '../../support/sshd.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Rendered, type RenderedFunction, type RenderedRole, renderModule } from '../../terraform/rendered.ts';

export const planRole = 'arn:aws:iam::222222222222:role/tf-plan';
export const applyRole = 'arn:aws:iam::222222222222:role/tf-apply';
/** May invoke the audit door, as an account's own administrators would let somebody. */
export const auditorRole = 'arn:aws:iam::111111111111:role/auditor';
export const stateBucket = 'acme-tfstate';

export interface Account {
  readonly front: Front;
  readonly rendered: Rendered;
  readonly issuer: TestIssuer;
  /** For what nobody judges: looking into the stores. */
  readonly admin: ReturnType<typeof clientFor>;
  /** The text of the deploy key, which nobody but ssh may see. */
  readonly deployKey: string;
  readonly setPolicy: (policy: object) => Promise<void>;
  readonly policy: Policy;
  /** The built CLI as CI has it: credentials of CI's role, and the ID token of a job. */
  readonly cli: typeof runCli;
  /** Environment of somebody who holds the role's credentials. */
  readonly environmentOf: (role: string) => Readonly<Record<string, string>>;
  /** A file with the milliseconds by which the keeper's clock is ahead. */
  readonly keeperClock: string;
  readonly stop: () => Promise<void>;
}

export interface Policy {
  readonly version: 1;
  readonly issuers: object;
  readonly repositories: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface AccountOptions {
  /** The bare repository. */
  readonly repository: string;
  readonly rules: readonly object[];
  /** Added to what every stack has: the backend and the two roles. */
  readonly stacks?: readonly object[];
  /** By name; `secret:NAME` in what the policy says is then its ARN. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Added to the roles of all stacks. */
  readonly runAs?: { readonly plan?: object; readonly apply?: object };
  readonly front?: Pick<FrontOptions, 'maxSessionSeconds'>;
  /** What starts a worker; its entry itself where a test does not say. */
  readonly worker?: (kind: 'lambda' | 'fargate', entry: readonly string[]) => readonly string[];
}

export async function installInAccount(options: AccountOptions): Promise<Account> {
  const [made, sshd, issuer] = await Promise.all([renderModule(), startSshd(), startIssuer()]);
  const { account, region } = made;
  const moto = await startMoto({ account });
  const admin = clientFor(moto.url, anybody, region);
  const keeperClock = join(temporaryDirectory('clock'), 'ahead');
  writeFileSync(keeperClock, '0');
  const rendered = withClock(inNetworkOf(made, await someNetwork(moto.url)), keeperClock);
  const front = await startFront({ ...options.front, moto: moto.url, world: worldOf(rendered, options) });

  const deployKey = readFileSync(sshd.deployKeyFile, 'utf8');
  await makeStores(rendered, admin);
  const secretOf = async (name: string, text: string): Promise<string> => {
    const made = await new SecretsManagerClient(admin).send(
      new CreateSecretCommand({ Name: `infra-deployer/${name}`, SecretString: text }),
    );
    return made.ARN ?? '';
  };
  const policy = await policyOf(options, { sshd, issuer, endpoint: front.url, secretOf });
  const setPolicy = async (next: object): Promise<void> => {
    await new S3Client({ ...admin, forcePathStyle: true }).send(
      new PutObjectCommand({ Bucket: rendered.buckets.policy.name, Key: policyKey(rendered), Body: stringify(next) }),
    );
  };
  await setPolicy(policy);

  const environmentOf = (role: string) => {
    const { accessKeyId, secretAccessKey, sessionToken } = front.issue(role);
    return {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      AWS_REGION: region,
      AWS_ENDPOINT_URL: front.url,
    };
  };
  const ci = roleOf(rendered, 'ci').arn;
  return {
    front,
    rendered,
    issuer,
    admin,
    deployKey,
    policy,
    setPolicy,
    keeperClock,
    environmentOf,
    cli: (args, env = {}, options = {}) => {
      const server = { INFRA_DEPLOYER_SERVER: `lambda:${functionOf(rendered, 'deploy').aliasArn}` };
      return runCli(args, { ...environmentOf(ci), ...server, ...env }, options);
    },
    stop: async () => {
      await front.stop();
      await Promise.all([moto.stop(), sshd.stop(), issuer.stop()]);
    },
  };
}

export const functionOf = ({ functions }: Rendered, name: keyof Rendered['functions']): RenderedFunction =>
  known(functions[name], name);
export const roleOf = ({ roles }: Rendered, name: keyof Rendered['roles']): RenderedRole => known(roles[name], name);

function known<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the module makes no ${name}`);
  return value;
}

/** moto starts tasks in a network that it knows only, and has one from the beginning. */
async function someNetwork(moto: string): Promise<{ subnet: string; securityGroup: string }> {
  const described = async (what: string): Promise<string> => {
    const scope = 'Credential=test/20260101/eu-west-1/ec2/aws4_request';
    const response = await fetch(moto, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=0`,
      },
      body: `Action=Describe${what}&Version=2016-11-15`,
    });
    return response.text();
  };
  const [, subnet = ''] = /<subnetId>([^<]+)/.exec(await described('Subnets')) ?? [];
  const [, securityGroup = ''] = /<groupId>([^<]+)/.exec(await described('SecurityGroups')) ?? [];
  return { subnet, securityGroup };
}

function inNetworkOf(
  rendered: Rendered,
  { subnet, securityGroup }: { subnet: string; securityGroup: string },
): Rendered {
  const keeper = functionOf(rendered, 'keeper');
  const settings = JSON.parse(keeper.env.INFRA_DEPLOYER_SETTINGS ?? '{}');
  const fargate = { ...settings.fargate, subnets: [subnet], securityGroups: [securityGroup] };
  const env = { ...keeper.env, INFRA_DEPLOYER_SETTINGS: JSON.stringify({ ...settings, fargate }) };
  return { ...rendered, functions: { ...rendered.functions, keeper: { ...keeper, env } } };
}

/** Leases and deadlines are minutes, which no test waits for. */
function withClock(rendered: Rendered, file: string): Rendered {
  const keeper = functionOf(rendered, 'keeper');
  const preload = `--import=${pathToFileURL(join(import.meta.dirname, 'clock.js')).href}`;
  const env = { ...keeper.env, NODE_OPTIONS: preload, TEST_CLOCK_FILE: file };
  return { ...rendered, functions: { ...rendered.functions, keeper: { ...keeper, env } } };
}

const policyKey = (rendered: Rendered): string => {
  const settings = JSON.parse(functionOf(rendered, 'deploy').env.INFRA_DEPLOYER_SETTINGS ?? '{}');
  return settings.policy.key;
};

/** What the policy says of how stacks run: state in a bucket of the other account, a role for each command. */
async function policyOf(
  { repository, rules, stacks = [], secrets = {}, runAs = {} }: AccountOptions,
  {
    sshd,
    issuer,
    endpoint,
    secretOf,
  }: { sshd: Sshd; issuer: TestIssuer; endpoint: string; secretOf: (name: string, text: string) => Promise<string> },
): Promise<Policy> {
  const arns = Object.fromEntries(
    await Promise.all(Object.entries(secrets).map(async ([name, text]) => [name, await secretOf(name, text)])),
  );
  const backend = {
    type: 's3',
    config: {
      ...{ bucket: stateBucket, key: '{path}/terraform.tfstate', region: 'eu-west-1', endpoint },
      ...{ use_path_style: 'true', skip_credentials_validation: 'true', skip_requesting_account_id: 'true' },
      ...{ skip_s3_checksum: 'true' },
    },
  };
  const text = JSON.stringify([
    { paths: ['**'], backend, plan: { role: planRole, ...runAs.plan }, apply: { role: applyRole, ...runAs.apply } },
    ...stacks,
  ]).replaceAll(/"secret:([\w-]+)"/g, (_, name) => JSON.stringify(arns[name]));
  return {
    version: 1,
    issuers: { gitlab: issuer.policyIssuer() },
    repositories: {
      'infra-live': {
        url: sshd.url(repository),
        deploy_key: await secretOf('deploy-key', readFileSync(sshd.deployKeyFile, 'utf8')),
        known_hosts: sshd.knownHosts,
        rules,
        stacks: JSON.parse(text),
      },
    },
  };
}

/** Everything that may be asked of AWS is judged by what the module says. */
function worldOf(rendered: Rendered, { worker = (_, entry) => entry }: Pick<AccountOptions, 'worker'>): World {
  const { account, region, roles, functions, taskDefinitions, buckets, keys, endpoints } = rendered;
  const own = Object.fromEntries(
    Object.values(roles).map(({ arn, trust, policies }) => [arn, { trust: read(trust), policies: policies.map(read) }]),
  );
  const target = (...statements: object[]) => ({
    trust: read(rendered.targetTrust),
    policies: [readPolicy({ Version: '2012-10-17', Statement: statements })],
    boundary: read(rendered.boundary),
  });
  const state = { Effect: 'Allow', Resource: [`arn:aws:s3:::${stateBucket}/*`] };
  const list = { Effect: 'Allow', Action: 's3:ListBucket', Resource: `arn:aws:s3:::${stateBucket}` };
  const directory = temporaryDirectory('workers');
  const entry = [process.execPath, join(dist(), 'worker.js')];
  const bundle = join(dist(), 'lambda', 'index.mjs');
  return {
    account,
    region,
    roles: {
      ...own,
      [auditorRole]: {
        trust: read(roleOf(rendered, 'ci').trust),
        policies: [
          readPolicy({
            Version: '2012-10-17',
            Statement: {
              Effect: 'Allow',
              Action: 'lambda:InvokeFunction',
              Resource: functionOf(rendered, 'audit').aliasArn,
            },
          }),
        ],
      },
      [planRole]: target({ ...state, Action: 's3:GetObject' }, list),
      [applyRole]: target({ ...state, Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'] }, list),
    },
    functions: Object.fromEntries(
      Object.entries(functions).map(([name, one]) => [
        one.arn,
        lambdaOf(
          one,
          name.startsWith('worker-')
            ? { command: ['env', `INFRA_DEPLOYER_WORK_DIR=${directory}/l`, ...worker('lambda', entry)] }
            : { bundle },
        ),
      ]),
    ),
    taskDefinitions: Object.fromEntries(
      Object.values(taskDefinitions).map(({ arn, taskRole, executionRole, container }) => [
        arn,
        {
          taskRole,
          executionRole,
          container: container.name,
          env: container.environment,
          command: ['env', `INFRA_DEPLOYER_WORK_DIR=${directory}/t`, ...worker('fargate', entry)],
          stopTimeoutSeconds: container.stopTimeout,
        },
      ]),
    ),
    macKeys: [keys.records.arn, keys.runKeys.arn],
    resourcePolicies: {
      ...Object.fromEntries(
        [...Object.values(buckets), ...Object.values(keys)].map(({ arn, policy }) => [arn, read(policy)]),
      ),
      [`arn:aws:s3:::${stateBucket}`]: readPolicy({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { AWS: [planRole, applyRole] },
            Action: 's3:*',
            Resource: [`arn:aws:s3:::${stateBucket}`, `arn:aws:s3:::${stateBucket}/*`],
          },
        ],
      }),
    },
    endpointPolicies: Object.fromEntries(Object.entries(endpoints).map(([name, { policy }]) => [name, read(policy)])),
    onTaskStopped: functionOf(rendered, 'keeper').aliasArn,
  };
}

const read = (policy: unknown): PolicyDocument => readPolicy(policy);

const lambdaOf = (one: RenderedFunction, code: LambdaFunction['code']): LambdaFunction => ({
  role: one.role,
  aliases: ['live'],
  env: one.env,
  timeoutSeconds: one.timeout,
  code,
  ...(one.reservedConcurrency > 0 && { concurrency: one.reservedConcurrency }),
  ...(one.tenantIsolation && { perTenant: true }),
  inNetwork: one.image !== undefined,
  asynchronous: {
    retries: 0,
    maximumAgeSeconds: one.asynchronous.maximumAgeSeconds,
    ...(one.asynchronous.onFailure && { onFailure: one.asynchronous.onFailure }),
  },
});

async function makeStores(rendered: Rendered, admin: ReturnType<typeof clientFor>): Promise<void> {
  const { buckets, table, taskDefinitions, cluster } = rendered;
  const s3 = new S3Client({ ...admin, forcePathStyle: true });
  const CreateBucketConfiguration = { LocationConstraint: 'eu-west-1' as const };
  for (const Bucket of [...Object.values(buckets).map(({ name }) => name), stateBucket])
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
  await s3.send(
    new PutBucketVersioningCommand({
      Bucket: buckets.policy.name,
      VersioningConfiguration: { Status: 'Enabled' },
    }),
  );
  await new DynamoDBClient(admin).send(
    new CreateTableCommand({
      TableName: table.name,
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
  const { logGroup } = JSON.parse(functionOf(rendered, 'keeper').env.INFRA_DEPLOYER_SETTINGS ?? '{}');
  await new CloudWatchLogsClient(admin).send(new CreateLogGroupCommand({ logGroupName: logGroup }));
  const ecs = new ECSClient(admin);
  await ecs.send(new CreateClusterCommand({ clusterName: cluster?.split('/').at(-1) }));
  for (const { arn, taskRole, executionRole, container } of Object.values(taskDefinitions))
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: arn.split('/').at(-1)?.split(':')[0],
        taskRoleArn: taskRole,
        executionRoleArn: executionRole,
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '1024',
        memory: '2048',
        containerDefinitions: [
          {
            name: container.name,
            image: container.image,
            memory: 512,
            environment: Object.entries(container.environment).map(([name, value]) => ({ name, value })),
          },
        ],
      }),
    );
}
