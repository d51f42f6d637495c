/** The built `infra-deployer-server` as a process of its own, with what tests ask it over HTTP. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { stringify } from 'yaml';
import type { RequestBody } from '../../policies/contract/request.ts';
import {
  type Created,
  CreatedSchema,
  isLive,
  type LogLine,
  LogsSchema,
  type Run,
  RunSchema,
} from '../../policies/contract/run.ts';
import { type Child, startChild } from './child.ts';
import { dist, runCli } from './cli.ts';
import type { CommandOptions, Finished } from './command.ts';
import { cleanEnvironment } from './environment.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export { runCli } from './cli.ts';

export interface ServerOptions {
  /** The text of an allowlist, or its content. */
  readonly policy: string | object;
  readonly dataDir?: string;
  readonly leaseSeconds?: number;
  readonly workers?: number;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Leaves ^C at the terminal to the caller. */
  readonly ownGroup?: boolean;
}

export interface Answer {
  readonly status: number;
  /** Parsed where it is JSON, the text where it is not. */
  readonly body: unknown;
  readonly headers: Headers;
}

export interface Server {
  readonly url: string;
  readonly pid: number;
  readonly tokens: Tokens;
  readonly dataDir: string;
  readonly policyFile: string;
  log(): string;
  /** SIGKILL, as a power cut would end it; `restart` brings it back on the same directory. */
  kill9(): Promise<void>;
  restart(): Promise<void>;
  /** SIGTERM and the exit status, null when it had to be killed; nothing to do when it does not run. */
  stop(): Promise<number | null>;
  /** An object is sent as JSON, a string or bytes as they are; the deploy token unless another is given. */
  api(method: string, path: string, body?: object | string | Uint8Array, token?: string): Promise<Answer>;
  /** Asks for a run that must be accepted. */
  submit(request: RequestBody): Promise<Created>;
  run(id: string): Promise<Run>;
  waitForEnd(id: string, timeoutMs?: number): Promise<Run>;
  /** All lines of a run, read to its end. */
  logs(id: string): Promise<readonly LogLine[]>;
  /** The CLI with this server and its deploy token set. */
  cli(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
    options?: Omit<CommandOptions, 'env'>,
  ): Promise<Finished>;
}

const TokensSchema = Type.Object({ deploy: Type.String(), audit: Type.String() });
type Tokens = Static<typeof TokensSchema>;

/** Rejects with what the server said when it does not come up. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { policy, dataDir = temporaryDirectory('data'), env = {}, ownGroup = false } = options;
  const policyFile = join(temporaryDirectory('policy'), 'allowlist.yaml');
  writeFileSync(policyFile, typeof policy === 'string' ? policy : stringify(policy, { aliasDuplicateObjects: false }));
  const args = [join(dist(), 'infra-deployer-server.js'), ...flags(options, policyFile, dataDir)];

  let child: Child;
  let url = '';
  let tokens: Tokens = { deploy: '', audit: '' };
  let earlier = '';
  let runs = false;
  const start = async () => {
    child = startChild(process.execPath, args, cleanEnvironment(env), { ownGroup });
    [, url = ''] = await child.until(/^infra-deployer-server listening on (http:\S+)$/m);
    const file: unknown = JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8'));
    ({ tokens } = checked(Type.Object({ url: Type.String(), tokens: TokensSchema }), file));
    runs = true;
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!runs) return 0;
    runs = false;
    const { status } = await child.end(signal);
    earlier += child.log();
    return status;
  };
  const api: Server['api'] = (method, path, body, token = tokens.deploy) => ask(`${url}${path}`, method, body, token);
  const run = async (id: string) => checked(RunSchema, (await api('GET', `/v1/runs/${id}`)).body);
  await start();
  return {
    get url() {
      return url;
    },
    get pid() {
      return child.pid;
    },
    get tokens() {
      return tokens;
    },
    dataDir,
    policyFile,
    log: () => earlier + (runs ? child.log() : ''),
    kill9: async () => void (await end('SIGKILL')),
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    stop: () => end('SIGTERM'),
    api,
    submit: async request => {
      const { status, body } = await api('POST', '/v1/runs', request);
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
      return checked(CreatedSchema, body);
    },
    run,
    waitForEnd: async (id, timeoutMs = 30_000) => {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const now = await run(id);
        if (!isLive(now)) return now;
        if (Date.now() > deadline)
          throw new Error(`run ${id} did not end within ${timeoutMs} ms: ${JSON.stringify(now)}`);
        await pause(50);
      }
    },
    logs: async id => {
      const lines: LogLine[] = [];
      for (let cursor = ''; ; ) {
        const path = `/v1/runs/${id}/logs${cursor && `?cursor=${encodeURIComponent(cursor)}`}`;
        const logs = checked(LogsSchema, (await api('GET', path)).body);
        lines.push(...logs.lines);
        if (logs.end) return lines;
        cursor = logs.cursor;
        await pause(logs.pollMs);
      }
    },
    cli: (args, env = {}, options = {}) =>
      runCli(args, { INFRA_DEPLOYER_SERVER: url, INFRA_DEPLOYER_TOKEN: tokens.deploy, ...env }, options),
  };
}

function flags({ leaseSeconds, workers, port }: ServerOptions, policyFile: string, dataDir: string): string[] {
  const args = ['--policy', policyFile, '--data-dir', dataDir];
  if (leaseSeconds !== undefined) args.push('--lease-seconds', `${leaseSeconds}`);
  if (workers !== undefined) args.push('--workers', `${workers}`);
  if (port !== undefined) args.push('--port', `${port}`);
  return args;
}

async function ask(url: string, method: string, body: object | string | undefined, token: string): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (token !== '') headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const sent = typeof body === 'string' || body instanceof Uint8Array ? body : body && JSON.stringify(body);
  const response = await fetch(url, { method, headers, ...(sent !== undefined && { body: sent }) });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.status, body: isJson && text !== '' ? JSON.parse(text) : text, headers: response.headers };
}

/** The contract is part of every test: an answer that does not fit it is an error, not something to be read around. */
function checked<S extends TSchema>(schema: S, value: unknown): Static<S> {
  if (Value.Check(schema, value)) return value;
  throw new Error(
    `not what the contract says: ${JSON.stringify(value)}: ${JSON.stringify([...Value.Errors(schema, value)])}`,
  );
}

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
