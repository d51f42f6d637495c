/** What exists in the AWS of a test besides the stores that moto keeps: who may do what, functions, tasks. */
import type { PolicyDocument } from './iam/policy-document.ts';

export interface World {
  readonly account: string;
  readonly region: string;
  /** By ARN; those of other accounts too. */
  readonly roles: Readonly<Record<string, Role>>;
  /** By ARN, without an alias. */
  readonly functions?: Readonly<Record<string, LambdaFunction>>;
  /** By ARN with the revision, as they are registered in moto, which wants their containers to have a `memory`. */
  readonly taskDefinitions?: Readonly<Record<string, TaskDefinition>>;
  /** ARNs of the keys of KMS that make MACs. */
  readonly macKeys?: readonly string[];
  /** By ARN of the bucket, key or function that has one; a key without one opens to nobody. */
  readonly resourcePolicies?: Readonly<Record<string, PolicyDocument>>;
  /** By service (`sts`): of the endpoints through which tasks and functions of the network reach it. */
  readonly endpointPolicies?: Readonly<Record<string, PolicyDocument>>;
  /** ARN of what EventBridge invokes when a task has stopped. */
  readonly onTaskStopped?: string;
}

export interface Role {
  readonly trust: PolicyDocument;
  readonly policies: readonly PolicyDocument[];
  readonly boundary?: PolicyDocument;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface LambdaFunction {
  /** ARN of its execution role. */
  readonly role: string;
  /** What can be invoked, besides the function itself. */
  readonly aliases: readonly string[];
  /** What the function is told; the platform adds its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  /** A bundle whose `handler` is called, or the entry command of an image, which speaks the Runtime API itself. */
  readonly code: { readonly bundle: string } | { readonly command: readonly string[] };
  /** Reserved concurrency; nothing said is as many as there are invocations. */
  readonly concurrency?: number;
  /** Reaches AWS through the endpoints of the network, as tasks do. */
  readonly inNetwork?: boolean;
  /** One environment per tenant id, which every invocation must name. */
  readonly perTenant?: boolean;
  /** Asynchronous invocations are tried once; throttled ones wait this long, and `onFailure` is told of those that fail. */
  readonly asynchronous?: { readonly retries: 0; readonly maximumAgeSeconds: number; readonly onFailure?: string };
}

export interface TaskDefinition {
  readonly taskRole: string;
  readonly executionRole: string;
  readonly container: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the image's entry is in this test. */
  readonly command: readonly string[];
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutSeconds: number;
}
