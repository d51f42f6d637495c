/** The doors of a control plane on a real ledger in memory, with a clock, a launcher and a policy file that a test holds in its hands. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type App, buildApp } from '../../invoker/app.ts';
import { auditOperations } from '../../invoker/audit-operations.ts';
import { deployOperations } from '../../invoker/deploy-operations.ts';
import { directDeploy } from '../../invoker/direct-deploy.ts';
import type { Answer as Answered } from '../../invoker/direct-door.ts';
import { auditDoor } from '../../invoker/doors/audit.ts';
import { deployDoor } from '../../invoker/doors/deploy.ts';
import { workerDoor } from '../../invoker/doors/worker.ts';
import { noCredentials } from '../../invoker/embedded/no-credentials.ts';
import { planFiles } from '../../invoker/embedded/plan-files.ts';
import { ledgerTables, sqliteLedger } from '../../invoker/embedded/sqlite-ledger.ts';
import { logTables, sqliteLogs } from '../../invoker/embedded/sqlite-logs.ts';
import { usualKeyTimes } from '../../invoker/identity/issuer-keys.ts';
import { tokenVerifier, type VerifyToken } from '../../invoker/identity/verify.ts';
import { type KeeperParts, keep } from '../../invoker/keeper.ts';
import type { Launcher, Ledger, Plans } from '../../invoker/ledger.ts';
import { type PolicySource, policyFile } from '../../invoker/policy-source.ts';
import type { Room } from '../../invoker/queue.ts';
import { deriveKeys, type Keys } from '../../invoker/secret.ts';
import { type WorkerDoorParts, workerOperations } from '../../invoker/worker-operations.ts';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import { ok } from '../../policies/contract/error.ts';
import type { RequestBody } from '../../policies/contract/request.ts';
import type { Created, Run } from '../../policies/contract/run.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { t0 } from './sample-run.ts';

export const tokens = { deploy: 'd_deploy', audit: 'a_audit' };
export const times = { startMs: 15_000, retryMs: 600_000, leaseMs: 15_000, overtimeMs: 135_000 };

export const openPolicy = `version: 1
repositories:
  infra-live:
    url: /srv/infra-live.git
    rules:
      - {name: plan-anywhere, allow: [plan], refs: [refs/heads/**, refs/tags/**], paths: [prod/**, staging/**]}
      - {name: apply-main, allow: [apply], refs: [refs/heads/main], paths: [prod/**, staging/**]}
`;
export const planOnlyPolicy = openPolicy.replace(/ {6}- \{name: apply-main.*\n/, '');
export const otherPolicy = openPolicy.replaceAll('infra-live', 'another');

export interface Answer<Body = unknown> {
  readonly status: number;
  readonly body: Body;
  /** Byte for byte, but for the id of the request. */
  readonly text: string;
  readonly requestId: string | undefined;
}

export interface ErrorAnswer {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly fix?: string;
    readonly requestId: string;
    readonly details?: { readonly reasons: readonly { readonly code: string; readonly rule?: string }[] };
  };
}

export interface PlaneOptions {
  readonly policy?: string;
  readonly maxQueued?: number;
  readonly workers?: Room;
  /** Instead of asking the policy's issuers for their keys. */
  readonly verify?: VerifyToken;
  /** Puts something between the doors and the ledger. */
  readonly ledger?: (real: Ledger) => Ledger;
  readonly launcher?: (stub: Launcher) => Launcher;
  readonly policySource?: (file: PolicySource) => PolicySource;
  readonly archive?: KeeperParts['archive'];
  readonly grantProviders?: WorkerDoorParts['grantProviders'];
  /** After so long a round of the keeper begins no more cleaning up. */
  readonly cleaningMs?: number;
}

export interface Plane {
  readonly app: App;
  readonly database: DatabaseSync;
  readonly ledger: Ledger;
  readonly plans: Plans;
  readonly keys: Keys;
  readonly clock: { now: number };
  /** Tickets by run, in the order in which the launcher got them. */
  readonly tickets: ReadonlyMap<string, string>;
  /** Runs whose worker is gone. */
  readonly gone: Set<string>;
  readonly wakes: () => number;
  /** What the keeper told operators. */
  readonly reports: readonly { readonly event: string; readonly run: string; readonly words: string }[];
  /** What the server wrote to its log. */
  readonly log: () => string;
  readonly setPolicy: (text: string) => void;
  /** One round of the keeper. */
  readonly round: (mayExpire?: boolean) => Promise<void>;
  /** An object is sent as JSON, a string or bytes as they are. */
  readonly ask: <Body = unknown>(method: Method, url: string, sent?: Sent) => Promise<Answer<Body>>;
  /** By direct invocation. */
  readonly invoke: (event: unknown) => Promise<Answered>;
  readonly submit: (request?: Partial<RequestBody>) => Promise<Created>;
  /** The run as its caller sees it. */
  readonly shown: (id: string) => Promise<Run>;
  readonly trail: () => Promise<readonly AuditEntry[]>;
  /** What the audit trail says of one run. */
  readonly kinds: (run: string) => Promise<readonly string[]>;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS';
interface Sent {
  readonly token?: string;
  readonly body?: object | string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function testPlane(options: PlaneOptions = {}): Promise<Plane> {
  const { policy: text = openPolicy, maxQueued = 100, workers = 4, cleaningMs = Infinity } = options;
  const clock = { now: t0 };
  const now = () => clock.now;
  const file = join(temporaryDirectory('policy'), 'allowlist.yaml');
  let edits = 0;
  const setPolicy = (content: string): void => {
    writeFileSync(file, content);
    // Two edits within the same tick of a coarse clock would look like one.
    utimesSync(file, 1e9 + edits, 1e9 + edits++);
  };
  setPolicy(text);

  const database = new DatabaseSync(':memory:');
  database.exec(`${ledgerTables} ${logTables}`);
  const keys = deriveKeys(new Uint8Array(32).fill(1));
  const real = sqliteLedger({ database, keys, now });
  const ledger = options.ledger?.(real) ?? real;
  const logs = sqliteLogs(database);
  const source = policyFile(file, { changed: () => {}, broken: () => {} }, now);
  const policy = options.policySource?.(source) ?? source;
  const { plans, routes } = planFiles({ directory: temporaryDirectory('plans'), keys, url: () => '', now });

  const verify =
    options.verify ?? tokenVerifier(async () => (await policy.current()).policy.issuers, usualKeyTimes, now);
  let wakes = 0;
  const wake = async (): Promise<void> => {
    wakes += 1;
  };
  const logged: string[] = [];
  const app = buildApp({ stream: { write: line => logged.push(line) } });
  const operations = deployOperations({ ledger, logs, policy, seals: keys, now, wake, pollMs: 100, maxQueued });
  await app.register(deployDoor({ operations, tokens, verify }));
  await app.register(auditDoor({ operations: auditOperations(ledger), tokens }));
  await app.register(
    workerDoor(
      workerOperations({
        ledger,
        logs,
        plans,
        policy,
        seals: keys,
        credentials: noCredentials,
        ...(options.grantProviders ? { grantProviders: options.grantProviders } : {}),
        now,
        wake,
        ...times,
        heartbeatMs: 1000,
        graceMs: 120_000,
      }),
    ),
  );
  await app.register(routes);

  const invoke = directDeploy({ operations, verify, policy, failed: (error, id) => logged.push(`${id} ${error}`) });

  const reports: { event: string; run: string; words: string }[] = [];
  const report: KeeperParts['report'] = (event, run, words) => reports.push({ event, run: run.id, words });
  const tickets = new Map<string, string>();
  const gone = new Set<string>();
  const stub: Launcher = {
    choose: async () => ok({ worker: 'process', startMs: times.startMs }),
    start: async (run, ticket) => {
      tickets.set(run.id, ticket);
      return undefined;
    },
    look: async () => undefined,
    settle: async run => gone.has(run.id),
  };
  const launcher = options.launcher?.(stub) ?? stub;

  const ask: Plane['ask'] = async (method, url, { token, body, headers = {} } = {}) => {
    const { statusCode, payload } = await app.inject({
      method,
      url,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(typeof body === 'string' || Buffer.isBuffer(body) ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: body }),
    });
    const [, requestId] = /"requestId":"([^"]*)"/.exec(payload) ?? [];
    return {
      status: statusCode,
      body: payload === '' ? undefined : JSON.parse(payload),
      text: requestId === undefined ? payload : payload.replace(requestId, '…'),
      requestId,
    };
  };

  const keeperParts: KeeperParts = {
    ledger,
    launcher,
    plans,
    now,
    patience: times,
    workers,
    report,
    ...(options.archive ? { archive: options.archive } : {}),
  };
  const trail = () => real.audit(0, 1000);

  return {
    app,
    database,
    ledger: real,
    plans,
    keys,
    clock,
    tickets,
    gone,
    wakes: () => wakes,
    log: () => logged.join(''),
    setPolicy,
    reports,
    round: mayExpire => keep({ ...keeperParts, until: clock.now + cleaningMs }, mayExpire),
    ask,
    invoke,
    submit: async request => {
      const answer = await ask<Created>('POST', '/v1/runs', {
        token: tokens.deploy,
        body: { command: 'plan', path: 'prod/vpc', ref: 'main', ...request },
      });
      if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`);
      return answer.body;
    },
    shown: async id => (await ask<Run>('GET', `/v1/runs/${id}`, { token: tokens.deploy })).body,
    trail,
    kinds: async run => (await trail()).filter(({ event }) => event.run === run).map(({ event }) => event.kind),
  };
}
