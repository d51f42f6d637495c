/** The AWS that SDK clients and Terraform talk to in tests: checks signatures, judges, runs functions and tasks, and leaves the stores to moto. */
import type { Credentials, SessionOptions } from './sessions.ts';
import type { Task } from './tasks.ts';
import type { World } from './world.ts';

export interface FrontOptions {
  readonly world: World;
  /** Where moto listens. */
  readonly moto: string;
  /** Cuts every session that STS issues short, for tests of renewal. */
  readonly maxSessionSeconds?: number;
}

/** One request, as it was judged. */
export interface Call {
  /** ARN of the session, or `anonymous`. */
  readonly principal: string;
  /** The first action that was refused, or the one that the operation is named after, e.g. `lambda:InvokeFunction`. */
  readonly action: string;
  readonly resource: string;
  readonly allowed: boolean;
  /** Why not, as the judge says; `signature`, `expired`, `unknown action`, or a fault that was asked for. */
  readonly because: string;
}

/** What happens instead of the answer, or before it. */
export interface Fault {
  readonly delayMs?: number;
  /** An error as AWS sends it, e.g. `{code: 'ThrottlingException', status: 400}`. */
  readonly error?: { readonly code: string; readonly status: number; readonly message?: string };
  /** A successful answer in JSON, e.g. of RunTask without room: `{tasks: [], failures: [{reason: 'RESOURCE:CPU'}]}`. */
  readonly answer?: unknown;
}

export interface Front {
  /** For `AWS_ENDPOINT_URL`. */
  readonly url: string;
  /** Every request so far, in order. */
  readonly calls: readonly Call[];
  /** A session of a role, as STS would issue it; nothing is judged. */
  issue(role: string, session?: SessionOptions): Credentials;
  /** The next `times` calls of the action (`ecs:RunTask`) that are allowed meet the fault. */
  inject(action: string, fault: Fault, times?: number): void;
  /** Invokes as a service of AWS does, asynchronously: EventBridge, for instance. */
  deliver(functionArn: string, event: unknown): void;
  /** Everything that environments of the function printed. */
  functionLog(functionArn: string): string;
  /** Every task that was started, in order. */
  readonly tasks: readonly Task[];
  stop(): Promise<void>;
}

export function startFront(_options: FrontOptions): Promise<Front> {
  throw new Error('to come');
}
