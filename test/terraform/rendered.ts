/** What the Terraform module would make, as other tests read it: roles, policies, functions, tasks, stores. */

/** An IAM policy as AWS is sent it, with every `Action`, `Resource` and condition value as a list. */
export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly PolicyStatement[];
}

/** Of each pair (`Action` and `NotAction`, `Resource` and `NotResource`, …) at most one is there. */
export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource?: readonly string[];
  readonly NotResource?: readonly string[];
  /** By type: `AWS`, `Service`, `Federated`; `*` alone is `{AWS: ['*']}`. */
  readonly Principal?: Readonly<Record<string, readonly string[]>>;
  readonly NotPrincipal?: Readonly<Record<string, readonly string[]>>;
  /** Operator, key, values: `{StringEquals: {'aws:SourceAccount': ['111111111111']}}`. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** `name` is the role's in AWS; the key it is found by in `Rendered` is its part in the module. */
export interface RenderedRole {
  readonly name: string;
  readonly arn: string;
  readonly trust: PolicyDocument;
  /** Inline policies; the module attaches no managed ones. */
  readonly policies: readonly PolicyDocument[];
  readonly boundary?: string;
}

/** Who acts. `ci` is there only with `gitlab`, those of workers only with what they need (`image_digest`, a network). */
export type RoleName =
  | 'ci'
  | 'deploy'
  | 'worker'
  | 'audit'
  | 'keeper'
  /** What the door assumes for a run's deploy key and `env_secrets`, narrowed by a session policy. */
  | 'run'
  /** The workers' own, as functions and as tasks: they may invoke the worker door. */
  | 'worker-lambda-plan'
  | 'worker-lambda-apply'
  | 'worker-task'
  /** What ECS pulls the image and writes the container's log with; no code of ours ever holds it. */
  | 'task-execution'
  /** What EventBridge wakes the keeper with is a resource policy; see `functionPolicies`. */
  | 'flow-logs';

export type FunctionName = 'deploy' | 'worker' | 'audit' | 'keeper' | 'worker-plan' | 'worker-apply';

export interface RenderedFunction {
  readonly name: string;
  readonly arn: string;
  /** Of `live`, what everybody invokes. */
  readonly aliasArn: string;
  readonly role: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeout: number;
  readonly memory: number;
  readonly reservedConcurrency: number;
  readonly logGroup: string;
  readonly architecture: string;
  /** Of a function from an image; the doors are from a zip. */
  readonly image?: string;
  readonly tenantIsolation?: string;
  readonly ephemeralStorageMb?: number;
  readonly asynchronous?: {
    readonly retries: number;
    readonly maximumAgeSeconds: number;
    readonly onFailure?: string;
  };
  /** Who may invoke it by its resource policy: `principal` and the `source` it acts for. */
  readonly permissions: readonly { readonly principal: string; readonly source?: string }[];
}

export interface RenderedTask {
  readonly arn: string;
  readonly taskRole: string;
  readonly executionRole: string;
  /** The one container, as in the task definition's JSON. */
  readonly container: {
    readonly name: string;
    readonly image: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly stopTimeout: number;
    readonly [setting: string]: unknown;
  };
}

export interface RenderedBucket {
  readonly name: string;
  readonly arn: string;
  readonly policy: PolicyDocument;
}

export interface RenderedKey {
  readonly arn: string;
  readonly usage: string;
  readonly policy: PolicyDocument;
}

export interface Rendered {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  readonly roles: Readonly<Partial<Record<RoleName, RenderedRole>>>;
  /** For every role that a rule of the policy names. */
  readonly boundary: PolicyDocument;
  readonly boundaryArn: string;
  /** What the output tells people to put as trust policy on those roles. */
  readonly targetTrust: PolicyDocument;
  readonly functions: Readonly<Partial<Record<FunctionName, RenderedFunction>>>;
  readonly taskDefinitions: Readonly<Partial<Record<'plan' | 'apply', RenderedTask>>>;
  readonly cluster?: string;
  readonly table: { readonly name: string; readonly arn: string };
  readonly buckets: Readonly<Record<'plans' | 'policy' | 'audit', RenderedBucket>>;
  readonly keys: Readonly<Partial<Record<'plans' | 'records' | 'runKeys' | 'data', RenderedKey>>>;
  /** By service, e.g. `lambda`, `s3`, `ecr.api`. */
  readonly endpoints: Readonly<Record<string, { readonly policy: PolicyDocument }>>;
  /** The module's outputs, by name. */
  readonly outputs: Readonly<Record<string, unknown>>;
}
