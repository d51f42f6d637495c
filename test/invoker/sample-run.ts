/** Runs as the ledger keeps them, in any state, each made by the transitions that lead there. */

import { advance, cancel, claim, expire, finish, newRun, type RunRecord, resolve, start } from '../../invoker/run.ts';
import { newRunId } from '../../invoker/secret.ts';
import { nobodyInParticular } from '../../policies/contract/identity.ts';
import type { RequestBody } from '../../policies/contract/request.ts';
import { type State, stateNames } from '../../policies/contract/run.ts';
import { fullRef } from '../../policies/ref.ts';
import { canonicalRequest } from '../../policies/request.ts';
import { value } from '../support/value.ts';

export const t0 = Date.UTC(2026, 4, 3, 14, 0, 0);
export const [commitA, commitB] = ['a'.repeat(40), 'b'.repeat(40)];
export const main = value(fullRef('refs/heads/main'));
export const [ticketHash, tokenHash] = ['ticket digest', 'token digest'];
export const times = { binary: 'terraform', startMs: 1000, leaseMs: 1000, deadlineMs: 60_000, overtimeMs: 5000 };

export interface Sample extends Partial<RequestBody> {
  readonly id?: string;
  readonly wanted?: string;
  readonly caller?: string;
  readonly at?: number;
}

/** Any text will do: what makes two requests one is for the doors to say. */
export const onceFor = (caller: string, requestId: string): string => `${caller}/${requestId}`;

export function queuedRun({ id, wanted, caller = 'deploy token', at = t0, ...asked }: Sample = {}): RunRecord {
  return newRun({
    id: id ?? newRunId(),
    request: value(canonicalRequest({ command: 'plan', path: 'prod/vpc', ref: 'main', ...asked })),
    repo: 'infra-live',
    refs: [{ ref: main, rule: 'everything' }],
    rule: 'everything',
    caller,
    asker: nobodyInParticular,
    ...(asked.requestId === undefined ? {} : { once: onceFor(caller, asked.requestId) }),
    now: at,
    ...(wanted === undefined ? {} : { commit: wanted }),
  });
}

export const startingRun = (sample: Sample = {}): RunRecord =>
  value(start(queuedRun(sample), ticketHash, t0, { worker: 'process', startMs: times.startMs }));

export const runningRun = (sample: Sample = {}): RunRecord =>
  value(claim(startingRun(sample), { ticket: ticketHash, token: tokenHash }, t0, times));

/** Its source is settled, and it does what it is for. */
export function workingRun(sample: Sample = {}): RunRecord {
  const commit = sample.wanted ?? commitA;
  const settled = resolve(runningRun(sample), { ref: main, commit, tip: commit, keepPlan: false });
  return value(advance(value(settled), sample.command ?? 'plan', t0));
}

/** A run in this state, the last of its transitions at `t0`, or as soon as it could be. */
export function runIn(state: State, sample: Sample = {}): RunRecord {
  switch (state) {
    case 'queued':
      return queuedRun(sample);
    case 'starting':
      return startingRun(sample);
    case 'running':
      return runningRun(sample);
    case 'canceled':
      return value(cancel(startingRun(sample), t0));
    case 'lost': {
      const lost = expire(runningRun(sample), t0 + times.leaseMs + 1, times);
      if (lost === undefined) throw new Error('the lease is over');
      return lost;
    }
    default:
      return value(finish(workingRun(sample), { outcome: state }, t0));
  }
}

export const endStates = stateNames.filter(state => state !== 'queued' && state !== 'starting' && state !== 'running');
