/** Reads what was applied by what the module calls it. */

import { readPolicy } from '../support/aws/iam/policy-document.ts';
import type { Applied, Resources } from './apply-module.ts';
import type {
  FunctionName,
  Rendered,
  RenderedBucket,
  RenderedFunction,
  RenderedKey,
  RenderedRole,
  RenderedTask,
  RoleName,
} from './rendered.ts';

const roles: Readonly<Record<RoleName, string>> = {
  ci: 'ci[0]',
  deploy: 'door["deploy"]',
  worker: 'door["worker"]',
  audit: 'door["audit"]',
  keeper: 'door["keeper"]',
  run: 'run',
  'worker-lambda-plan': 'worker_lambda["plan"]',
  'worker-lambda-apply': 'worker_lambda["apply"]',
  'worker-task-plan': 'worker_task["plan"]',
  'worker-task-apply': 'worker_task["apply"]',
  'task-execution': 'task_execution[0]',
};

const functions: Readonly<Record<FunctionName, string>> = {
  deploy: 'door["deploy"]',
  worker: 'door["worker"]',
  audit: 'door["audit"]',
  keeper: 'door["keeper"]',
  'worker-plan': 'worker["plan"]',
  'worker-apply': 'worker["apply"]',
};

export function readRendered({ resources, outputs }: Applied): Rendered {
  const the = (address: string) => resource(resources, address);
  const there = (address: string) => resources.has(address);
  const cluster = 'aws_ecs_cluster.workers[0]';
  return {
    account: text(the('data.aws_caller_identity.current'), 'account_id'),
    region: text(the('data.aws_region.current'), 'region'),
    partition: text(the('data.aws_partition.current'), 'partition'),
    roles: those(
      roles,
      at => there(`aws_iam_role.${at}`),
      at => role(resources, at),
    ),
    boundary: readPolicy(text(the('aws_iam_policy.boundary'), 'policy')),
    boundaryArn: text(the('aws_iam_policy.boundary'), 'arn'),
    targetTrust: readPolicy(text(outputs, 'target_trust_policy')),
    functions: those(
      functions,
      at => there(`aws_lambda_function.${at}`),
      at => lambda(resources, at),
    ),
    taskDefinitions: those(
      { plan: '"plan"', apply: '"apply"' },
      kind => there(`aws_ecs_task_definition.worker[${kind}]`),
      kind => task(the(`aws_ecs_task_definition.worker[${kind}]`)),
    ),
    ...(there(cluster) && { cluster: text(the(cluster), 'arn') }),
    table: { name: text(the('aws_dynamodb_table.ledger'), 'name'), arn: text(the('aws_dynamodb_table.ledger'), 'arn') },
    buckets: {
      plans: bucket(resources, 'plans'),
      policy: bucket(resources, 'policy'),
      audit: bucket(resources, 'audit'),
      errored: bucket(resources, 'errored'),
    },
    keys: {
      plans: key(the('aws_kms_key.plans')),
      records: key(the('aws_kms_key.hmac["records"]')),
      runKeys: key(the('aws_kms_key.hmac["run-keys"]')),
    },
    registry: {
      arn: text(the('aws_ecr_repository.workers'), 'arn'),
      url: text(the('aws_ecr_repository.workers'), 'repository_url'),
      policy: readPolicy(text(the('aws_ecr_repository_policy.workers'), 'policy')),
    },
    endpoints: Object.fromEntries(
      [...resources].flatMap(([address, values]) => {
        const [, service] = /^aws_vpc_endpoint\.\w+\["(.+)"\]$/.exec(address) ?? [];
        return service === undefined ? [] : [[service, { policy: readPolicy(text(values, 'policy')) }]];
      }),
    ),
    zones: [...resources].flatMap(([address, values]) =>
      address.startsWith('aws_subnet.private[') ? [text(values, 'availability_zone')] : [],
    ),
    outputs,
  };
}

function role(resources: Resources, at: string): RenderedRole {
  const values = resource(resources, `aws_iam_role.${at}`);
  const name = text(values, 'name');
  const policies = [...resources].filter(
    ([address, { role }]) => address.startsWith('aws_iam_role_policy.') && role === name,
  );
  return {
    name,
    arn: text(values, 'arn'),
    trust: readPolicy(text(values, 'assume_role_policy')),
    policies: policies.map(([, policy]) => readPolicy(text(policy, 'policy'))),
  };
}

function lambda(resources: Resources, at: string): RenderedFunction {
  const values = resource(resources, `aws_lambda_function.${at}`);
  const alias = resource(resources, `aws_lambda_alias.${at}`);
  const invocation = resource(resources, `aws_lambda_function_event_invoke_config.${at}`);
  const name = text(values, 'function_name');
  const permissions = [...resources].filter(
    ([address, { function_name }]) => address.startsWith('aws_lambda_permission.') && function_name === name,
  );
  const [destination] = blocks(blocks(invocation, 'destination_config')[0] ?? {}, 'on_failure');
  const [logging] = blocks(values, 'logging_config');
  const [tenancy] = blocks(values, 'tenancy_config');
  const [storage] = blocks(values, 'ephemeral_storage');
  return {
    name,
    arn: text(values, 'arn'),
    aliasArn: text(alias, 'arn'),
    role: text(values, 'role'),
    env: blocks(values, 'environment')[0]?.variables as Record<string, string>,
    timeout: number(values, 'timeout'),
    memory: number(values, 'memory_size'),
    reservedConcurrency: number(values, 'reserved_concurrent_executions'),
    architecture: (values.architectures as string[]).join(),
    ...(logging && { logGroup: text(logging, 'log_group') }),
    ...(typeof values.image_uri === 'string' && { image: values.image_uri }),
    ...(tenancy && { tenantIsolation: text(tenancy, 'tenant_isolation_mode') }),
    ...(storage && { ephemeralStorageMb: number(storage, 'size') }),
    asynchronous: {
      retries: number(invocation, 'maximum_retry_attempts'),
      maximumAgeSeconds: number(invocation, 'maximum_event_age_in_seconds'),
      ...(destination && { onFailure: text(destination, 'destination') }),
    },
    permissions: permissions.map(([, one]) => ({ principal: text(one, 'principal'), source: text(one, 'source_arn') })),
  };
}

function task(values: Values): RenderedTask {
  const [container, ...more] = JSON.parse(text(values, 'container_definitions')) as Container[];
  if (container === undefined || more.length > 0) throw new Error('a task has one container');
  return {
    arn: text(values, 'arn'),
    taskRole: text(values, 'task_role_arn'),
    executionRole: text(values, 'execution_role_arn'),
    container: {
      ...container,
      environment: Object.fromEntries(container.environment.map(({ name, value }) => [name, value])),
    },
  };
}

type Container = Omit<RenderedTask['container'], 'environment'> & {
  readonly name: string;
  readonly image: string;
  readonly stopTimeout: number;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
};

function bucket(resources: Resources, kind: string): RenderedBucket {
  const values = resource(resources, `aws_s3_bucket.this["${kind}"]`);
  const { policy } = resource(resources, `aws_s3_bucket_policy.this["${kind}"]`);
  return { name: text(values, 'bucket'), arn: text(values, 'arn'), policy: readPolicy(String(policy)) };
}

const key = (values: Values): RenderedKey => ({
  arn: text(values, 'arn'),
  usage: typeof values.key_usage === 'string' ? values.key_usage : 'ENCRYPT_DECRYPT',
  policy: readPolicy(text(values, 'policy')),
});

type Values = Readonly<Record<string, unknown>>;

function resource(resources: Resources, address: string): Values {
  const values = resources.get(address);
  if (values === undefined) throw new Error(`the module makes no ${address}`);
  return values;
}

function text(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== 'string') throw new Error(`\`${name}\` is ${JSON.stringify(value)}`);
  return value;
}

function number(values: Values, name: string): number {
  const value = values[name];
  if (typeof value !== 'number') throw new Error(`\`${name}\` is ${JSON.stringify(value)}`);
  return value;
}

const blocks = (values: Values, name: string): readonly Values[] => (values[name] ?? []) as readonly Values[];

/** By name, where `isThere`. */
function those<Name extends string, Read>(
  places: Readonly<Record<Name, string>>,
  isThere: (place: string) => boolean,
  read: (place: string) => Read,
): Partial<Record<Name, Read>> {
  const found = Object.entries<string>(places).filter(([, place]) => isThere(place));
  return Object.fromEntries(found.map(([name, place]) => [name, read(place)])) as Partial<Record<Name, Read>>;
}
