/** Functions of Lambda as processes of this machine: environments that are reused, one invocation at a time in each. */
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { cleanEnvironment } from '../../environment.ts';
import type { Credentials } from '../sessions.ts';
import type { LambdaFunction } from '../world.ts';
import { type Environment, startEnvironment } from './environment.ts';
import type { Outcome } from './runtime-api.ts';

export interface Asked {
  readonly functionArn: string;
  readonly qualifier?: string;
  readonly payload: Buffer;
  readonly clientContext?: string;
  readonly tenant?: string;
}

/** `log` is what the environment printed meanwhile, between the platform's own lines. */
export type Invoked = (Outcome & { readonly requestId: string; readonly log: string }) | 'throttled';

export interface Pool {
  invoke(asked: Asked): Promise<Invoked>;
  log(functionArn: string): string;
  /** Ends its environments at once. */
  kill(functionArn: string): Promise<void>;
  /** Environments of what there was before serve nobody any more. */
  replaceCode(functionArn: string, code: LambdaFunction['code']): void;
  /** From here on nothing starts, and what is asked for is never answered. */
  end(): Promise<void>;
}

export interface PoolOptions {
  readonly functions: Readonly<Record<string, LambdaFunction>>;
  readonly region: string;
  /** For `AWS_ENDPOINT_URL`, the one variable that AWS does not set. */
  endpointOf(settings: LambdaFunction): string;
  issue(role: string, name: string): Credentials;
}

interface Place {
  readonly environment: Promise<Environment>;
  readonly code: LambdaFunction['code'];
  readonly tenant: string | undefined;
  busy: boolean;
  print: (text: string) => void;
}

export function createPool({ functions, region, endpointOf, issue }: PoolOptions): Pool {
  const places = new Map<string, Set<Place>>();
  const logs = new Map<string, string>();
  const codes = new Map(Object.entries(functions).map(([arn, { code }]) => [arn, code]));
  let ended = false;

  const open = (functionArn: string, settings: LambdaFunction, tenant: string | undefined): Place => {
    const name = functionArn.split(':').at(-1) ?? '';
    const place: Place = {
      code: settings.code,
      tenant,
      busy: true,
      print: () => undefined,
      environment: startEnvironment({
        command: commandOf(settings),
        env: {
          ...settings.env,
          ...platformEnvironment(name, settings, region, issue(settings.role, name)),
          AWS_ENDPOINT_URL: endpointOf(settings),
        },
        onOutput(text) {
          logs.set(functionArn, (logs.get(functionArn) ?? '') + text);
          place.print(text);
        },
        onEnd: () => places.get(functionArn)?.delete(place),
      }),
    };
    return place;
  };

  const take = (functionArn: string, settings: LambdaFunction, tenant: string | undefined): Place | undefined => {
    const all = places.get(functionArn) ?? new Set();
    places.set(functionArn, all);
    const idle = [...all].find(place => !place.busy && place.tenant === tenant && place.code === settings.code);
    if (idle) {
      idle.busy = true;
      return idle;
    }
    const busy = [...all].filter(place => place.busy).length;
    if (busy >= (settings.concurrency ?? Number.POSITIVE_INFINITY)) return undefined;
    const place = open(functionArn, settings, tenant);
    all.add(place);
    return place;
  };

  return {
    async invoke({ functionArn, qualifier, payload, clientContext, tenant }) {
      if (ended) return new Promise(() => undefined);
      const known = functions[functionArn];
      const settings = known && { ...known, code: codes.get(functionArn) ?? known.code };
      if (!settings) throw new Error(`no function ${functionArn}`);
      const place = take(functionArn, settings, tenant);
      if (!place) return 'throttled';
      const requestId = randomUUID();
      let log = `START RequestId: ${requestId} Version: 1\n`;
      place.print = text => {
        log += text;
      };
      const environment = await place.environment;
      const outcome = await environment.invoke(
        {
          requestId,
          functionArn: qualifier === undefined ? functionArn : `${functionArn}:${qualifier}`,
          payload,
          deadlineMs: Date.now() + settings.timeoutSeconds * 1000,
          ...(clientContext !== undefined && { clientContext }),
          ...(tenant !== undefined && { tenant }),
        },
        settings.timeoutSeconds,
      );
      // What was printed before the answer may lie in the pipe still, and is read in this turn of the event loop.
      await setImmediate();
      place.print = () => undefined;
      place.busy = false;
      return { ...outcome, requestId, log: `${log}END RequestId: ${requestId}\nREPORT RequestId: ${requestId}\n` };
    },
    log: functionArn => logs.get(functionArn) ?? '',
    async kill(functionArn) {
      const all = places.get(functionArn) ?? [];
      // From here on nobody takes one for idle.
      places.delete(functionArn);
      for (const { environment } of all) (await environment).end();
    },
    replaceCode: (functionArn, code) => codes.set(functionArn, code),
    async end() {
      ended = true;
      const all = [...places.values()].flatMap(some => [...some]);
      for (const { environment } of all) (await environment).end();
    },
  };
}

const commandOf = ({ code }: LambdaFunction): readonly string[] =>
  'command' in code
    ? code.command
    : [process.execPath, join(import.meta.dirname, 'bootstrap.js'), pathToFileURL(code.bundle).href];

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html */
function platformEnvironment(
  name: string,
  { code }: LambdaFunction,
  region: string,
  credentials: Credentials,
): Record<string, string> {
  const { PATH = '', TMPDIR = '/tmp' } = cleanEnvironment();
  return {
    PATH,
    // Of the tests' own, since /tmp of this machine is everybody's.
    TMPDIR,
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '1',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1024',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `2026/01/01/[1]${credentials.accessKeyId.toLowerCase()}`,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    ...('bundle' in code && {
      _HANDLER: 'index.handler',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      LAMBDA_TASK_ROOT: dirname(code.bundle),
    }),
  };
}
