/** What a function of the control plane is told to be: one variable of its environment, written by the Terraform module. */
import { type Static, Type } from 'typebox';
import { compiled } from '../../policies/compiled.ts';
import { schemaRefusal } from '../../policies/schema-problem.ts';
import { parseStrictJson } from '../../policies/strict-json.ts';

const closed = { additionalProperties: false } as const;
const arn = (service: string) =>
  Type.String({ pattern: `^arn:[a-z-]+:${service}:`, description: `an ARN of ${service}` });
const name = Type.String({ minLength: 1, maxLength: 256 });

const everywhere = { table: name, recordsKey: arn('kms') };
const policy = Type.Object({ bucket: name, key: name }, closed);
const plans = Type.Object({ bucket: name, key: arn('kms') }, closed);
const erroredStates = Type.Object({ bucket: name }, closed);
const keeper = arn('lambda');

const DeploySchema = Type.Object(
  { function: Type.Literal('deploy'), ...everywhere, policy, runKeysKey: arn('kms'), keeper },
  closed,
);
const WorkerSchema = Type.Object(
  {
    function: Type.Literal('worker'),
    ...everywhere,
    policy,
    plans,
    erroredStates,
    providerCache: Type.Optional(Type.Object({ bucket: name }, closed)),
    runRole: arn('iam'),
    keeper,
  },
  closed,
);
const AuditSchema = Type.Object({ function: Type.Literal('audit'), ...everywhere }, closed);

const LambdaWorkersSchema = Type.Object(
  {
    plan: arn('lambda'),
    apply: arn('lambda'),
    perTenant: Type.Boolean({ description: 'each run in an environment of its own' }),
  },
  closed,
);
const FargateWorkersSchema = Type.Object(
  {
    cluster: arn('ecs'),
    plan: arn('ecs'),
    apply: arn('ecs'),
    container: name,
    subnets: Type.Array(name, { minItems: 1 }),
    securityGroups: Type.Array(name, { minItems: 1 }),
    assignPublicIp: Type.Boolean(),
    spot: Type.Boolean({ description: 'plans may run on spare capacity' }),
  },
  closed,
);
const KeeperSchema = Type.Object(
  {
    function: Type.Literal('keeper'),
    ...everywhere,
    policy,
    plans,
    auditBucket: name,
    logGroup: name,
    lambda: Type.Optional(LambdaWorkersSchema),
    fargate: Type.Optional(FargateWorkersSchema),
  },
  closed,
);

const schemas = { deploy: DeploySchema, worker: WorkerSchema, audit: AuditSchema, keeper: KeeperSchema };

export type DeploySettings = Static<typeof DeploySchema>;
export type WorkerSettings = Static<typeof WorkerSchema>;
export type AuditSettings = Static<typeof AuditSchema>;
export type KeeperSettings = Static<typeof KeeperSchema>;
export type Settings = DeploySettings | WorkerSettings | AuditSettings | KeeperSettings;

/** Throws, so that a function that was told something else never answers. */
export function readSettings(text = ''): Settings {
  const wrong = (why: string) => new Error(`INFRA_DEPLOYER_SETTINGS: ${why}`);
  const parsed = parseStrictJson(text);
  if (!parsed.ok) throw wrong(parsed.problem.message);
  const { function: wanted } = Object(parsed.value) as { function?: unknown };
  const schema =
    typeof wanted === 'string' && Object.hasOwn(schemas, wanted) ? schemas[wanted as Settings['function']] : undefined;
  if (schema === undefined) throw wrong('names no function: deploy, worker, audit or keeper');
  const check = compiled<typeof schema>(schema)();
  if (!check.Check(parsed.value))
    throw wrong(schemaRefusal(schema, check.Errors(parsed.value), 'the variable').message);
  return parsed.value as Settings;
}
