import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ledgerTables, sqliteLedger } from '../../invoker/embedded/sqlite-ledger.ts';
import type { Effects, Ledger } from '../../invoker/ledger.ts';
import { advance, cancel, claim, expire, finish, type RunRecord, release, resolve, start } from '../../invoker/run.ts';
import { deriveKeys } from '../../invoker/secret.ts';
import { verifyChain } from '../../policies/audit-chain.ts';
import { ok, type Result } from '../../policies/contract/error.ts';
import type { Receipt } from '../../policies/contract/receipt.ts';
import { stateNames } from '../../policies/contract/run.ts';
import { requires } from '../support/requirements.ts';
import { newStores, type OnDynamo, startOnDynamo } from './aws/on-dynamo.ts';
import { commitA, main, onceFor, queuedRun, t0, times as terms, ticketHash, tokenHash } from './sample-run.ts';

const paths = ['prod/vpc', 'prod/app'] as const;
const requestIds = ['job-302-plan', 'job-302-apply'] as const;
const source = { ref: main, commit: commitA, tip: commitA, keepPlan: true };
const steps: readonly ((run: RunRecord) => Result<RunRecord>)[] = [
  run => start(run, ticketHash, t0, { worker: 'lambda', startMs: terms.startMs }),
  run => claim(run, { ticket: ticketHash, token: tokenHash }, t0, terms),
  run => {
    const resolved = resolve(run, source);
    return resolved.ok ? advance(resolved.value, run.request.command, t0) : resolved;
  },
  run => finish(run, { outcome: 'succeeded' }, t0),
  run => finish(run, { outcome: 'failed' }, t0),
  run => cancel(run, t0),
  run => ok(expire(run, t0 + terms.leaseMs + 1, terms) ?? run),
  run => ok(release(run)),
];

const times = fc.integer({ min: 1, max: 3 });
const creation = fc.record({
  kind: fc.constant('create' as const),
  path: fc.constantFrom(...paths),
  command: fc.constantFrom('plan' as const, 'apply' as const),
  once: fc.constantFrom(undefined, undefined, ...requestIds),
  times,
});
/** `run` and `spend` count what was created, `step` what may happen to it now. */
const change = fc.record({
  kind: fc.constant('change' as const),
  run: fc.nat(3),
  step: fc.nat(9),
  late: fc.constantFrom(0, 0, 0, 0, 1),
  audit: fc.boolean(),
  receipt: fc.boolean(),
  spend: fc.constantFrom(undefined, undefined, undefined, undefined, 0, 1),
  times,
});
const record = fc.record({ kind: fc.constant('record' as const), times });
/** `times`: so often at once. */
const happening = fc.oneof(
  { weight: 2, arbitrary: creation },
  { weight: 7, arbitrary: change },
  { weight: 1, arbitrary: record },
);
type Happening = typeof happening extends fc.Arbitrary<infer H> ? H : never;

type Created = Awaited<ReturnType<Ledger['create']>>;

/** Everything that a ledger answers to a history, runs named by the order in which they came. */
async function answers(ledger: Ledger, history: readonly Happening[]): Promise<unknown[]> {
  const ids: string[] = [];
  const named = (answer: unknown): unknown =>
    JSON.parse(JSON.stringify(answer ?? null), (name, value) => {
      if (['seq', 'mac', 'hash', 'previous'].includes(name)) return undefined;
      return ids.includes(value) ? `run ${ids.indexOf(value)}` : value;
    });

  /** What is then done once or more at once, each time from where things stand now. */
  const prepared = async (what: Happening): Promise<() => Promise<unknown>> => {
    if (what.kind === 'record') return () => ledger.record({ kind: 'policy', caller: 'the server' });
    if (what.kind === 'create') {
      const { path, command, once } = what;
      return () => {
        const run = queuedRun({ path, command, ...(once === undefined ? {} : { requestId: once }) });
        return ledger.create(run, { kind: 'accepted', caller: run.caller, run: run.id });
      };
    }
    const run = await ledger.get(ids[what.run % ids.length] ?? '');
    const next = run === undefined ? [] : steps.map(step => step(run)).filter(result => result.ok);
    const { value } = next[what.step % next.length] ?? {};
    if (value === undefined) return async () => undefined;
    const planId = what.spend === undefined ? undefined : (ids[what.spend % ids.length] ?? '');
    const isPlanned = (await ledger.receipt(value.id)) !== undefined;
    const effects: Effects = {
      ...(what.audit ? { audit: { kind: 'started', caller: value.caller, run: value.id } } : {}),
      ...(what.receipt && !isPlanned ? { receipt: receiptOf(value, ids.indexOf(value.id)) } : {}),
      ...(planId === undefined ? {} : { spend: planId }),
    };
    return () => ledger.transition(value.version - what.late, value, effects);
  };

  const told: unknown[] = [];
  for (const what of history) {
    const happen = await prepared(what);
    const outcomes = await Promise.all(Array.from({ length: what.times }, happen));
    if (what.kind === 'create') {
      const created = (outcomes as Created[]).filter(outcome => outcome.created).map(({ run }) => run);
      ids.push(...created.sort((a, b) => a.seq - b.seq).map(({ id }) => id));
    }
    told.push(outcomes.map(outcome => JSON.stringify(named(outcome))).sort());
  }
  const stacks = await Promise.all(paths.map(path => ledger.receipts('infra-live', path, commitA)));
  const lists = [
    {},
    { path: paths[0] },
    { repo: 'infra-live', path: paths[1] },
    ...stateNames.map(state => ({ state })),
  ];
  const listed = await Promise.all(lists.map(query => ledger.list({ ...query, limit: 100 })));
  const trail = await ledger.audit(0, 1000);
  const asked = await Promise.all(requestIds.map(id => ledger.asked(onceFor('deploy token', id))));
  const waiting = [
    await ledger.queued(undefined),
    ...(await Promise.all(paths.map(path => ledger.openOf('infra-live', path)))),
  ];
  return [...told, named([await ledger.open(), waiting, listed, stacks, trail, asked]), verifyChain(trail).ok];
}

describe.skipIf(requires('aws'))('the ledgers on sqlite and on DynamoDB', () => {
  let aws: OnDynamo;
  beforeAll(async () => {
    aws = await startOnDynamo();
  }, 60_000);
  afterAll(() => aws?.stop());

  test('answer alike, whatever happens, one after the other or at once', async () => {
    const answersAlike = async (history: readonly Happening[]) => {
      const database = new DatabaseSync(':memory:');
      database.exec(ledgerTables);
      const sqlite = sqliteLedger({ database, keys: deriveKeys(new Uint8Array(32)), now: () => t0 });
      const { ledger } = await newStores(aws);
      expect(await answers(ledger, history)).toEqual(await answers(sqlite, history));
    };
    const histories = fc.array(happening, { minLength: 10, maxLength: 30 });
    // Chosen once and for all: what fails here fails everywhere.
    await fc.assert(fc.asyncProperty(histories, answersAlike), { seed: 20261121, numRuns: 15, endOnFailure: true });
  }, 300_000);
});

const receiptOf = ({ id, repo, request, caller }: RunRecord, at: number): Receipt => ({
  planId: id,
  repo,
  path: request.path,
  ref: main,
  commit: commitA,
  mode: 'normal',
  planDigest: 'd'.repeat(64),
  planSize: 1,
  tool: { binary: 'terraform', version: '1.11.4' },
  caller,
  createdAt: new Date(t0 + at).toISOString(),
  expiresAt: new Date(t0).toISOString(),
});
