/** The ledger in DynamoDB: every change of it is one transaction on one table, and every read sees what was answered before. */
import { nextEntry } from '../../policies/audit-chain.ts';
import type { AuditEvent } from '../../policies/contract/audit-entry.ts';
import { isLive } from '../../policies/contract/run.ts';
import type { Effects, Ledger } from '../ledger.ts';
import type { RunRecord } from '../run.ts';
import { contended, settled } from './contention.ts';
import { entryItem, entryOf, placeItem, runItem, runOf, text } from './dynamo-items.ts';
import {
  allKey,
  allRuns,
  entriesAfter,
  entryKey,
  holdKey,
  ofStackKey,
  onceKey,
  openKey,
  openOfStackKey,
  openRuns,
  openRunsOfStack,
  runKey,
  runsOfStack,
} from './dynamo-keys.ts';
import { dynamoReceipts } from './dynamo-receipts.ts';
import type { Range, Table } from './dynamo-table.ts';

export interface DynamoLedgerParts {
  readonly table: Table;
  /** The code of a text, in hex, by a key that no worker and no reader may use. */
  readonly mac: (purpose: 'audit' | 'receipt', text: string) => Promise<string>;
  readonly now: () => number;
}

/** Pages of 1 MB, each with places of some thousand runs, that a list goes through for what matches. */
const mostPages = 20;

export function dynamoLedger({ table, mac, now }: DynamoLedgerParts): Ledger {
  const receipts = dynamoReceipts({ table, mac });

  const get = async (id: string): Promise<RunRecord | undefined> => {
    const item = await table.get(runKey(id));
    return item && runOf(item);
  };

  const asked = async (once: string): Promise<RunRecord | undefined> => {
    const item = await table.get(onceKey(once));
    return item && get(text(item, 'run'));
  };

  const runsIn = async (range: Range): Promise<RunRecord[]> => {
    const keys = (await table.query(range)).map(item => runKey(text(item, 'run')));
    return (await table.getAll(keys)).map(runOf);
  };

  /** The entry that continues the chain as it ends now: whoever is faster takes its place, and it is made anew. */
  const continued = async (event: AuditEvent) => {
    const [head] = (await table.query({ ...entriesAfter(0), backwards: true, limit: 1 })).map(entryOf);
    const entry = nextEntry(head, new Date(now()).toISOString(), event);
    const signed = { ...entry, mac: await mac('audit', entry.hash) };
    return { seq: entry.seq, write: table.put(entryKey(entry.seq), entryItem(signed), 'absent') };
  };

  /** Where the run is found, and the hold of its path, as far as they change. */
  const places = (before: RunRecord | undefined, run: RunRecord) => {
    const place = placeItem(run);
    const isMoved = before?.state !== run.state;
    const [isOpened, isClosed] = changes(isOpen(before), isOpen(run));
    const [isTaken, isFreed] = changes(before?.occupied ?? false, run.occupied);
    return {
      ...(isMoved && {
        all: table.put(allKey(run), place),
        ofStack: table.put(ofStackKey(run), place),
      }),
      ...((isOpened || (isMoved && isOpen(run))) && { open: table.put(openKey(run), place) }),
      ...(isOpened && { openOfStack: table.put(openOfStackKey(run), place) }),
      ...(isClosed && { open: table.remove(openKey(run)), openOfStack: table.remove(openOfStackKey(run)) }),
      ...(isTaken && { taken: table.put(holdKey(run), { run: run.id }, 'absent') }),
      ...(isFreed && { freed: table.remove(holdKey(run), { run: run.id }) }),
    };
  };

  const create = async (asking: RunRecord, audit: AuditEvent) => {
    const { once } = asking;
    const known = once === undefined ? undefined : await asked(once);
    if (known) return { run: known, created: false };
    const entry = await continued(audit);
    // The place in the order of arrival is that in the audit trail: nothing else needs to be counted.
    const run = { ...asking, version: 0, seq: entry.seq };
    const refused = await table.write({
      run: table.put(runKey(run.id), runItem(run), 'absent'),
      ...places(undefined, run),
      ...(once === undefined ? {} : { once: table.put(onceKey(once), { run: run.id }, 'absent') }),
      entry: entry.write,
    });
    if (refused?.has('run')) throw new Error(`there is a run ${run.id} already`);
    return refused ? contended : { run, created: true };
  };

  const transition = async (expectedVersion: number, next: RunRecord, effects: Effects) => {
    const [before, entry] = await Promise.all([get(next.id), effects.audit && continued(effects.audit)]);
    if (before?.version !== expectedVersion) return 'conflict';
    const run = { ...next, version: expectedVersion + 1, seq: before.seq };
    const ofReceipts = await receipts.writes(run, effects);
    // Whoever was faster may have spent it for this very run: then it is the run that has moved on.
    if (ofReceipts === 'spent') return (await get(run.id))?.version === expectedVersion ? 'spent' : 'conflict';
    const refused = await table.write({
      run: table.put(runKey(run.id), runItem(run), { version: expectedVersion }),
      ...places(before, run),
      ...ofReceipts,
      entry: entry?.write,
    });
    if (refused === undefined) return run;
    // Whatever else was refused, the next attempt reads why.
    return refused.has('taken') ? 'conflict' : contended;
  };

  return {
    create: (run, audit) => settled(() => create(run, audit)),
    get,
    asked,
    transition: (expectedVersion, next, effects = {}) => settled(() => transition(expectedVersion, next, effects)),
    open: async () => (await runsIn(openRuns)).filter(isOpen),
    openOf: async (repo, path) => (await runsIn(openRunsOfStack(repo, path))).filter(isOpen),
    queued: async user => {
      const queued = await table.query({ ...openRuns, only: { state: 'queued' } });
      return { all: queued.length, own: queued.filter(item => user !== undefined && item.user === user).length };
    },
    list: async ({ repo, path, state, before, limit }) => {
      // INVARIANT: what a run is found by, but for its state, never changes.
      const [range, only] =
        repo !== undefined && path !== undefined
          ? [runsOfStack(repo, path, before), { state }]
          : [allRuns(before), { repo, path, state }];
      const found = await runsIn({ ...range, only, limit, backwards: true, pages: mostPages });
      return found.filter(run => state === undefined || run.state === state);
    },
    ...receipts.reads,
    record: event =>
      settled(async () => {
        const { write: entry } = await continued(event);
        return (await table.write({ entry })) && contended;
      }),
    audit: async (after, limit) => (await table.query({ ...entriesAfter(after), limit })).map(entryOf),
  };
}

const isOpen = (run: RunRecord | undefined): boolean => run !== undefined && (isLive(run) || run.occupied);

/** Whether it has become true, and whether it has become false. */
const changes = (before: boolean, after: boolean) => [after && !before, before && !after] as const;
