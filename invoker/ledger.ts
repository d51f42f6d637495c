/** The ledger's port: runs, queue, leases, receipts and the audit chain, changed together or not at all. */
import type { AuditEntry, AuditEvent } from '../policies/contract/audit-entry.ts';
import type { Result } from '../policies/contract/error.ts';
import type { Receipt } from '../policies/contract/receipt.ts';
import type { LogLine, State } from '../policies/contract/run.ts';
import type { StoredReceipt } from '../policies/receipt.ts';
import type { RunRecord, WorkerKind } from './run.ts';

/** What a transition does besides changing the run. */
export interface Effects {
  readonly audit?: AuditEvent;
  /** A new receipt for a plan that may be applied. */
  readonly receipt?: Receipt;
  /** The receipt this apply uses up; every other good receipt of the path becomes stale. Refused unless it is good. */
  readonly spend?: string;
}

export interface RunQuery {
  readonly repo?: string;
  readonly path?: string;
  readonly state?: State;
  /** Only runs that arrived before the one with this `seq`. */
  readonly before?: number;
  readonly limit: number;
}

export interface Ledger {
  /**
   * Stores a new run and its audit entry in one transaction. Where there is a run with the same `once`, nothing is stored
   * and that run is answered.
   */
  create(run: RunRecord, audit: AuditEvent): Promise<{ readonly run: RunRecord; readonly created: boolean }>;
  get(id: string): Promise<RunRecord | undefined>;
  /** The run that was asked for like this before. */
  asked(once: string): Promise<RunRecord | undefined>;
  /**
   * One transaction: the run, its audit entry and its receipt. Answers the stored run, or why nothing was stored:
   * `conflict` (the run is no longer at `expectedVersion`, or another run occupies its path) or `spent` (the receipt is
   * not good any more).
   */
  transition(expectedVersion: number, next: RunRecord, effects?: Effects): Promise<RunRecord | 'conflict' | 'spent'>;
  /** Runs that are live or still occupied, in arrival order. */
  open(): Promise<readonly RunRecord[]>;
  /** Those of one stack; no others are read. */
  openOf(repo: string, path: string): Promise<readonly RunRecord[]>;
  /** How many runs are queued, and how many of them this user (`userOf`) has asked for; none of them is read. */
  queued(user: string | undefined): Promise<{ readonly all: number; readonly own: number }>;
  /** Newest first. A ledger may look no further back than 100,000 runs for what matches. */
  list(query: RunQuery): Promise<readonly RunRecord[]>;
  receipt(planId: string): Promise<StoredReceipt | undefined>;
  /** Of the newest hundred plans of this path and commit, newest first: what is older is no better. */
  receipts(repo: string, path: string, commit: string): Promise<readonly StoredReceipt[]>;
  /** An audit entry that belongs to no run: refusals, changes of the policy. */
  record(event: AuditEvent): Promise<void>;
  /** Entries after `seq`, oldest first. */
  audit(after: number, limit: number): Promise<readonly AuditEntry[]>;
}

export interface LogPage {
  readonly lines: LogLine[];
  readonly cursor: number;
  readonly more: boolean;
}

export interface Logs {
  /** Stores batch `seq`, which must be the next; one that is there already is ignored. False where a batch is missing. */
  append(run: string, seq: number, lines: readonly LogLine[]): Promise<boolean>;
  /** Lines from batch `cursor` on, about `bytes` of them, the cursor after them, and whether there are more by now. */
  read(run: string, cursor: number, bytes: number): Promise<LogPage>;
}

/** Where saved plans lie. A url is a grant of its own: one key, one digest, one size, a short time. */
export interface Plans {
  grantUpload(planId: string, bound: { digest: string; size: number }): Promise<string>;
  grantDownload(planId: string): Promise<string>;
  has(planId: string): Promise<boolean>;
  remove(planId: string): Promise<void>;
  /** The ids of all plans that are kept. */
  list(): Promise<readonly string[]>;
}

/** Why there is no worker, in words that may hold anything; `again`: the same may go well later. */
export interface NotStarted {
  readonly failed: string;
  readonly again?: true;
  /** Others have workers meanwhile, so this one may have waited for room: that is no failure, however often it is told. */
  readonly isCrowded?: true;
}

export interface Chosen {
  readonly worker: WorkerKind;
  /** How long such a worker has to claim its run. */
  readonly startMs: number;
}

export interface Launcher {
  /**
   * What is to run this run, or why nothing here can. `busy` are the runs that have a worker, or may still have one;
   * `later`: there is no room beside them, so it stays where it is in the queue.
   */
  choose(run: RunRecord, busy: readonly RunRecord[]): Promise<Result<Chosen | 'later'>>;
  /** Starts a worker that may claim the run with this ticket. It is told this run's id and the ticket, nothing else of it. */
  start(run: RunRecord, ticket: string): Promise<NotStarted | undefined>;
  /** Why the worker that was started will not claim its run; undefined while it may still come. */
  look(run: RunRecord, busy: readonly RunRecord[]): Promise<NotStarted | undefined>;
  /** Ends what is left of an ended run's worker, gently first; true once nothing is left. Called again until then. */
  settle(run: RunRecord): Promise<boolean>;
}
