/** The AWS that SDK clients and Terraform talk to in tests: checks signatures, judges, runs functions and tasks, and leaves the stores to moto. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Call, createFaults, type Fault } from './calls.ts';
import { dynamoRules } from './dynamo-rules.ts';
import { commonFailure, failed } from './failure.ts';
import { createInvoke, splitQualifier } from './functions/invoke.ts';
import { createPool } from './functions/pool.ts';
import { refusedDemand } from './judgement.ts';
import { startListener } from './listener.ts';
import { createMacs } from './macs.ts';
import { createRoute } from './route.ts';
import { createRulings, type Ruling, type Signed } from './ruling.ts';
import { type Credentials, createSessions, type Session, type SessionOptions } from './sessions.ts';
import { checkSignature } from './signature.ts';
import { startTaskEndpoint } from './tasks/endpoint.ts';
import type { FailedStart, Task } from './tasks/task.ts';
import { createTasks } from './tasks/tasks.ts';
import { insistOnTrusts } from './trusts.ts';
import { createUpstream, type Upstream } from './upstream.ts';
import { type AwsRequest, type AwsResponse, jsonResponse } from './wire.ts';
import type { LambdaFunction, World } from './world.ts';

export interface FrontOptions {
  readonly world: World;
  /** Where moto listens. */
  readonly moto: string;
  /** Cuts every session that STS issues short, for tests of renewal. */
  readonly maxSessionSeconds?: number;
  /** The clock that signatures are held against. */
  readonly now?: () => number;
}

export interface Front {
  /** For `AWS_ENDPOINT_URL`. */
  readonly url: string;
  /** Every request so far, in order. */
  readonly calls: readonly Call[];
  /** A session of a role, as STS would issue it; nothing is judged. */
  issue(role: string, session?: SessionOptions): Credentials;
  /** Every session that was ever issued, in order. */
  readonly sessions: () => readonly Session[];
  /** The next `times` calls of the operation (`ecs:RunTask`) that are allowed meet the fault. */
  inject(operation: string, fault: Fault, times?: number): void;
  /** Invokes as a service of AWS does, asynchronously: EventBridge, for instance. `arn` may name an alias. */
  deliver(arn: string, event: unknown): void;
  /** Every environment of the function is gone at once, as when the machine below it is; the next invocation has a new one. */
  killFunction(functionArn: string): Promise<void>;
  /** The alias moves on: what is invoked from now on runs this, and what is under way ends as it began. */
  replaceCode(functionArn: string, code: LambdaFunction['code']): void;
  /** Everything that environments of the function printed. */
  functionLog(functionArn: string): string;
  /** Every task that was started, in order. */
  readonly tasks: readonly Task[];
  /** The next task that RunTask makes stops before it runs. */
  failNextTask(how: FailedStart): void;
  stop(): Promise<void>;
}

export async function startFront({ world, moto, maxSessionSeconds, now = Date.now }: FrontOptions): Promise<Front> {
  insistOnTrusts(world);
  const calls: Call[] = [];
  const faults = createFaults();
  const sessions = createSessions(world);
  const issue = (role: string, name: string) => sessions.issue(role, { name }).credentials;

  const answer = async (request: AwsRequest, inNetwork: boolean): Promise<AwsResponse> => {
    const checked = checkSignature(request, sessions.find, new Date(now()));
    if (!checked.signed) {
      calls.push({
        principal: 'anonymous',
        action: request.method,
        resource: request.path,
        allowed: false,
        because: checked.failure,
      });
      return commonFailure(request, checked.failure, checked.message);
    }
    const signed: Signed = { request, inNetwork, ...checked };
    const principal = checked.session.principal.arn;
    let ruling: Ruling;
    try {
      ruling = await ruleOn(signed);
    } catch (error) {
      // What cannot be judged is not let through, and is a defect of the test's world rather than a denial.
      calls.push({ principal, action: request.method, resource: request.path, allowed: false, because: String(error) });
      return failed(request, 501, 'NotImplemented', String(error));
    }
    const { allowed, resource } = ruling;
    if (!ruling.allowed) {
      calls.push({ principal, action: ruling.action, resource, allowed, because: ruling.because });
      return ruling.response;
    }
    calls.push({ principal, action: ruling.operation, resource, allowed });
    const fault = faults.take(ruling.operation, resource);
    if (fault?.delayMs !== undefined) await pause(fault.delayMs);
    if (fault?.error)
      return failed(request, fault.error.status, fault.error.code, fault.error.message ?? fault.error.code);
    return fault?.answer === undefined ? ruling.respond() : jsonResponse(200, fault.answer);
  };

  const outside = await startListener(request => answer(request, false));
  const inside = await startListener(request => answer(request, true));
  const endpoint = await startTaskEndpoint(issue);
  const stores = createUpstream(moto, world.account);
  const ledger = dynamoRules(request => stores.send(request, 'dynamodb', world.region));
  const upstream: Upstream = {
    send: (request, service, region) =>
      service === 'dynamodb' ? ledger(request) : stores.send(request, service, region),
  };
  const functions = world.functions ?? {};
  const pool = createPool({
    functions,
    region: world.region,
    endpointOf: ({ inNetwork }) => (inNetwork ? inside.url : outside.url),
    issue,
  });
  const invoke = createInvoke({
    functions,
    pool,
    mayTell(role, resource) {
      const session = sessions.issue(role);
      const action = 'lambda:InvokeFunction';
      const refused = refusedDemand(world, world, session, [{ action, resource }]);
      const ruling = refused ? { allowed: false, because: refused.because } : { allowed: true };
      calls.push({ principal: session.principal.arn, action, resource, ...ruling });
      return !refused;
    },
  });
  const deliver = (arn: string, event: unknown) => {
    invoke.deliver({ ...splitQualifier(arn), payload: Buffer.from(JSON.stringify(event)) });
  };
  const tasks = createTasks({
    world,
    endpoint,
    url: inside.url,
    onStopped(event) {
      if (world.onTaskStopped !== undefined) deliver(world.onTaskStopped, event);
    },
  });
  const route = createRoute({ upstream, invoke, tasks, macs: createMacs(world.macKeys ?? []) });
  const ruleOn = createRulings({
    world,
    sessions,
    upstream,
    route,
    ...(maxSessionSeconds !== undefined && { maxSessionSeconds }),
  });

  return {
    url: outside.url,
    calls,
    sessions: sessions.all,
    issue: (role, session) => sessions.issue(role, session).credentials,
    inject: (operation, fault, times = 1) => faults.add(operation, fault, times),
    deliver,
    killFunction: pool.kill,
    replaceCode: pool.replaceCode,
    functionLog: pool.log,
    tasks: tasks.all,
    failNextTask: tasks.failNextStart,
    async stop() {
      await pool.end();
      tasks.end();
      endpoint.stop();
      await Promise.all([outside.stop(), inside.stop()]);
    },
  };
}
