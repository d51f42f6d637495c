/** What lies where in the table: the keys of everything that is kept, and the ranges it is found in. Pure. */
import type { Receipt } from '../../policies/contract/receipt.ts';
import type { RunRecord } from '../run.ts';
import { digestOf } from '../secret.ts';
import type { Key, Range } from './dynamo-table.ts';

/** Numbers that sort as texts. */
const ordered = (number: number): string => `${number}`.padStart(16, '0');
const most = ordered(Number.MAX_SAFE_INTEGER);
/** Comes after everything that begins alike. */
const end = '~';

/** Neither a repository's name nor a path has a `#`: no stack is taken for another. */
const stack = (repo: string, path: string): string => `stack#${repo}#${path}`;
const stackOf = ({ repo, request: { path } }: Pick<RunRecord, 'repo' | 'request'>): string => stack(repo, path);

export const runKey = (id: string): Key => ({ pk: `run#${id}`, sk: 'run' });
/** Of the plan that this run has made. */
export const receiptKey = (planId: string): Key => ({ pk: `run#${planId}`, sk: 'receipt' });
/** The run that was asked for like this: digested, since a key has at most 2,048 bytes. */
export const onceKey = (once: string): Key => ({ pk: `once#${digestOf(once)}`, sk: 'once' });

/** There while a run occupies the stack: one writer per path. */
export const holdKey = (run: RunRecord): Key => ({ pk: stackOf(run), sk: 'hold' });
/** How many applies of the stack have begun. */
export const appliesKey = (repo: string, path: string): Key => ({ pk: stack(repo, path), sk: 'applies' });

/** The places where a run is found, each in the order of arrival: all that are open, all there are, and both of its stack. */
export const openKey = ({ seq }: RunRecord): Key => ({ pk: 'open', sk: ordered(seq) });
export const allKey = ({ seq }: RunRecord): Key => ({ pk: 'runs', sk: ordered(seq) });
export const ofStackKey = (run: RunRecord): Key => ({ pk: stackOf(run), sk: `run#${ordered(run.seq)}` });
export const openOfStackKey = (run: RunRecord): Key => ({ pk: stackOf(run), sk: `open#${ordered(run.seq)}` });
export const openRuns: Range = { pk: 'open', from: '0', to: end };
export const allRuns = (before = Number.MAX_SAFE_INTEGER): Range => ({
  pk: 'runs',
  from: '0',
  to: ordered(before - 1),
});
export const runsOfStack = (repo: string, path: string, before = Number.MAX_SAFE_INTEGER): Range => ({
  pk: stack(repo, path),
  from: 'run#',
  to: `run#${ordered(before - 1)}`,
});

export const openRunsOfStack = (repo: string, path: string): Range => ({
  pk: stack(repo, path),
  from: 'open#',
  to: `open#${end}`,
});

/** Where a receipt is found: by the commit that was planned, in the order in which the plans were made. */
export const ofCommitKey = ({ repo, path, commit, createdAt, planId }: Receipt): Key => ({
  pk: stack(repo, path),
  sk: `receipt#${commit}#${createdAt}#${planId}`,
});
export const receiptsOfCommit = (repo: string, path: string, commit: string): Range => ({
  pk: stack(repo, path),
  from: `receipt#${commit}#`,
  to: `receipt#${commit}#${end}`,
});

export const entryKey = (seq: number): Key => ({ pk: 'audit', sk: ordered(seq) });
export const entriesAfter = (seq: number): Range => ({ pk: 'audit', from: ordered(seq + 1), to: most });

/** A batch of lines may take more than one item. */
export const linesKey = (run: string, seq: number, part: number): Key => ({
  pk: `log#${run}`,
  sk: linesPlace(seq, part),
});
export const linesPlace = (seq: number, part: number): string => `${ordered(seq)}#${part}`;
export const linesFrom = (run: string, seq: number): Range => ({ pk: `log#${run}`, from: ordered(seq), to: end });
