/** How stacks run, as it is written in the policy file: one entry of `stacks`, with what belongs in every place. */
import { type Static, Type } from 'typebox';
import { gateRules } from './contract/gate.ts';
import { PathsSchema } from './pattern-schema.ts';
import { RunAsSchema } from './run-as-schema.ts';

const closed = { additionalProperties: false } as const;

const BackendSchema = Type.Object(
  {
    type: Type.String({ pattern: '^[a-z][a-z0-9_]*$', description: 'the name of a backend, like `s3`' }),
    config: Type.Record(
      Type.String({ pattern: '^[a-z][a-z0-9_]*$' }),
      Type.String({
        pattern: '^(?:[^{}\\u0000-\\u001f\\u007f]|\\{path\\}|\\{repo\\})*$',
        description: 'a text on one line, whose only braces are `{path}` and `{repo}`',
      }),
      { ...closed, description: 'the settings of the backend, like `bucket`' },
    ),
  },
  { ...closed, description: '`type` and `config` of the backend that keeps the state' },
);

const host = '[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[1-9][0-9]{0,4})?';

/** Terraform's own way to write providers in its CLI configuration: a host and namespace before any `*`. */
const ProvidersSchema = Type.Object(
  {
    allow: Type.Optional(
      Type.Array(
        Type.String({
          pattern: `^(?:${host}/)?[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?/(?:\\*|[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)$|^${host}/\\*/\\*$`,
          description: 'providers, like hashicorp/aws, hashicorp/* or registry.example.com/acme/*',
        }),
        { minItems: 1, description: 'the providers that may be installed; [hashicorp/*] when left out' },
      ),
    ),
    mirror: Type.Optional(
      Type.String({
        pattern: `^/[^\\u0000-\\u001f\\u007f"\\\\$%]+$|^https://${host}/(?:[A-Za-z0-9._~/-]+/)?$`,
        description: 'where providers come from: a directory of this machine, or https://host/path/ of a mirror',
      }),
    ),
  },
  { ...closed, minProperties: 1, description: '`allow` and `mirror`: which providers, and where they come from' },
);

const segment = '(?:\\*|[A-Za-z0-9_~-][A-Za-z0-9._~-]*)';

const ModuleSourcesSchema = Type.Array(
  Type.String({
    pattern: `^git::https://${host}(?:/${segment})*(?:/\\*\\*)?$|^${host}/${segment}/${segment}/${segment}$`,
    description: 'git::https://host/group/** or host/namespace/name/provider of a registry; * is one segment',
  }),
  { minItems: 1, description: 'where modules may come from besides the repository and its `modules`' },
);

const GateSchema = Type.Object(
  {
    allow: Type.Array(Type.Enum([...gateRules], { description: `one of ${gateRules.join(', ')}` }), {
      minItems: 1,
      description: 'rules of the gate that do not count for these paths',
    }),
  },
  { ...closed, description: '`allow`, the rules of the gate that do not count here' },
);

const whole = (maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, description }));

const LimitsSchema = Type.Object(
  {
    minutes: whole(720, 'the minutes after which a run is stopped, 1 to 720; 30 when left out'),
    plan_hours: whole(720, 'the hours a plan may wait for its apply, 1 to 720; 24 when left out'),
    memory_mb: whole(1_000_000, 'the MiB of memory of all its processes together; 4096 when left out'),
    processes: whole(100_000, 'the processes it may have at one time; 512 when left out'),
    disk_mb: whole(1_000_000, 'the MiB it may write to disk; 8192 when left out'),
    output_mb: whole(10_000, 'the MiB it may print; 256 when left out'),
  },
  { ...closed, minProperties: 1, description: 'what a run may use: minutes, memory, processes, disk, output' },
);

export const StackSchema = Type.Object(
  {
    paths: PathsSchema,
    binary: Type.Optional(
      Type.Enum(['terraform', 'tofu', 'terragrunt'], {
        description: 'the program that plans and applies; terraform when left out',
      }),
    ),
    version: Type.Optional(
      Type.String({
        pattern: '^[0-9]+\\.[0-9]+\\.[0-9]+(?:-[0-9A-Za-z.-]+)?$',
        description: 'the exact version in quotes, like "1.11.4"',
      }),
    ),
    backend: Type.Optional(BackendSchema),
    reads: Type.Optional(PathsSchema),
    lock_file: Type.Optional(
      Type.Enum(['required', 'generated'], {
        description:
          '`required` (when left out): it is committed; `generated`: a plan may make it, its apply uses that',
      }),
    ),
    providers: Type.Optional(ProvidersSchema),
    module_sources: Type.Optional(ModuleSourcesSchema),
    gate: Type.Optional(GateSchema),
    worker: Type.Optional(
      Type.Enum(['lambda', 'fargate', 'auto'], {
        description: 'what runs them on AWS; `auto` when left out: Fargate for applies and long plans, else Lambda',
      }),
    ),
    limits: Type.Optional(LimitsSchema),
    plan: Type.Optional(RunAsSchema),
    apply: Type.Optional(RunAsSchema),
  },
  { ...closed, description: 'how the stacks at `paths` run' },
);
export type StackBody = Static<typeof StackSchema>;
