/** What the Terraform module makes, as other tests read it: roles, policies, functions, tasks, stores. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyDocument } from '../support/aws/iam/policy-document.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { applyModule, moduleDirectory } from './apply-module.ts';
import { readRendered } from './read-rendered.ts';

/** `name` is the role's in AWS; the key it is found by in `Rendered` is its part in the module. */
export interface RenderedRole {
  readonly name: string;
  readonly arn: string;
  readonly trust: PolicyDocument;
  /** Inline policies; the module attaches no managed ones. */
  readonly policies: readonly PolicyDocument[];
  /** The module's own roles have none; for those that a rule names there is `Rendered.boundary`. */
  readonly boundary?: PolicyDocument;
}

/** Who acts. `ci` is there with `gitlab`, workers with `image_digest`, tasks with a `network` besides. */
export type RoleName =
  | 'ci'
  | 'deploy'
  | 'worker'
  | 'audit'
  | 'keeper'
  /** What the worker door assumes for a run's deploy key and `env_secrets`, narrowed by a session policy. */
  | 'run'
  | 'worker-lambda-plan'
  | 'worker-lambda-apply'
  | 'worker-task-plan'
  | 'worker-task-apply'
  /** With it ECS pulls the image and writes the container's log; no code of ours ever holds it. */
  | 'task-execution';

export type FunctionName = 'deploy' | 'worker' | 'audit' | 'keeper' | 'worker-plan' | 'worker-apply';

export interface RenderedFunction {
  readonly name: string;
  readonly arn: string;
  /** Of `live`, what everybody invokes. */
  readonly aliasArn: string;
  /** ARN. */
  readonly role: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeout: number;
  readonly memory: number;
  readonly reservedConcurrency: number;
  readonly architecture: string;
  /** Of a door; workers have none. */
  readonly logGroup?: string;
  /** Of a worker; the doors are from a zip. */
  readonly image?: string;
  readonly tenantIsolation?: string;
  readonly ephemeralStorageMb?: number;
  readonly asynchronous: {
    readonly retries: number;
    readonly maximumAgeSeconds: number;
    /** ARN. */
    readonly onFailure?: string;
  };
  /** Who else may invoke its alias: a service, for the resource that is its source. */
  readonly permissions: readonly { readonly principal: string; readonly source: string }[];
}

export interface RenderedTask {
  readonly arn: string;
  /** ARN, as `executionRole`. */
  readonly taskRole: string;
  readonly executionRole: string;
  /** The one container, as in the task definition's JSON, but for `environment`. */
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
  /** `ENCRYPT_DECRYPT` or `GENERATE_VERIFY_MAC`. */
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
  /** ARN. */
  readonly cluster?: string;
  readonly table: { readonly name: string; readonly arn: string };
  readonly buckets: Readonly<Record<'plans' | 'policy' | 'audit' | 'errored', RenderedBucket>>;
  readonly keys: Readonly<Record<'plans' | 'records' | 'runKeys', RenderedKey>>;
  readonly registry: { readonly arn: string; readonly url: string; readonly policy: PolicyDocument };
  /** By service, e.g. `lambda`, `s3`, `ecr.api`. */
  readonly endpoints: Readonly<Record<string, { readonly policy: PolicyDocument }>>;
  /** Availability zones of the private subnets that are made. */
  readonly zones: readonly string[];
  /** The module's outputs, by name. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

export type Variables = Readonly<Record<string, unknown>>;

/** Everything that can be made is made; what tests of policies and of the doors start from. */
export const wholeInstallation: Variables = {
  role_arns: ['arn:aws:iam::222222222222:role/tf-plan', 'arn:aws:iam::222222222222:role/tf-apply'],
  image_digest: `sha256:${'a'.repeat(64)}`,
  network: { egress_cidrs: ['203.0.113.0/24'] },
  gitlab: { subjects: ['project_path:acme/infra-live:ref_type:*:ref:*'] },
};

const cache = new Map<string, Promise<Rendered>>();

/**
 * Applies the module with the stand-in of the AWS provider: account 111111111111, and the same names every time. Variables
 * that the module insists on have values here. Rejects with what Terraform says; takes some seconds the first time.
 */
export function renderModule(variables: Variables = wholeInstallation, region = 'eu-west-1'): Promise<Rendered> {
  const key = JSON.stringify([variables, region]);
  const rendered = cache.get(key) ?? applyModule({ ...given(), ...variables }, region).then(readRendered);
  cache.set(key, rendered);
  return rendered;
}

/** What the module insists on. */
export function given(): Variables {
  const zip = join(temporaryDirectory('zip'), 'lambda.zip');
  // Its digest is all that Terraform takes of it here.
  writeFileSync(zip, 'a bundle');
  return {
    policy_file: join(moduleDirectory, 'examples', 'allowlist.yaml'),
    lambda_zip: zip,
    secret_arns: ['arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-deployer/*'],
  };
}
