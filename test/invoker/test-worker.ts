/** A worker as a script: takes a run through the worker door, as far as a test wants it to go. */
import { createHash } from 'node:crypto';
import type { RequestBody } from '../../policies/contract/request.ts';
import type { Claimed, Finish, SourceAnswer } from '../../policies/contract/worker.ts';
import { commitA, main } from './sample-run.ts';
import type { Answer, ErrorAnswer, Plane } from './test-plane.ts';

export const planBytes = Buffer.from('a saved plan');
export const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
export const upload = { digest: digest(planBytes), size: planBytes.length };
export const source = { ref: `${main}`, commit: commitA, tip: commitA };

export interface TestWorker {
  readonly id: string;
  readonly token: string;
  readonly claimed: Claimed;
  /** Status and code of an answer that refuses. */
  readonly refused: (operation: string, body: object) => Promise<readonly [number, string | undefined]>;
  readonly tell: <Body = unknown>(operation: string, body: object) => Promise<Answer<Body>>;
}

/** Lets the keeper start the run, and claims it. */
export async function claimRun(plane: Plane, id: string): Promise<TestWorker> {
  await plane.round();
  const { status, body, text } = await plane.ask<Claimed>('POST', '/worker/v1/claim', {
    body: { run: id, ticket: plane.tickets.get(id) ?? '' },
  });
  if (status !== 200) throw new Error(`${status} ${text}`);
  const { token } = body;
  const tell: TestWorker['tell'] = (operation, body) => plane.ask('POST', `/worker/v1/${operation}`, { token, body });
  return {
    id,
    refused: async (operation, body) => {
      const { status, body: answer } = await tell<Partial<ErrorAnswer>>(operation, body);
      return [status, answer.error?.code];
    },
    token,
    claimed: body,
    tell,
  };
}

/** A new run with its worker. */
export const workerOf = async (plane: Plane, request: Partial<RequestBody> = {}): Promise<TestWorker> =>
  claimRun(plane, (await plane.submit(request)).run.id);

/** Every step must be accepted. */
export async function must<Body>(step: Promise<Answer<Body>>): Promise<Body> {
  const { status, body, text } = await step;
  if (status >= 300) throw new Error(`${status} ${text}`);
  return body;
}

export const finished: Finish = { outcome: 'succeeded', hasChanges: true, state: { lineage: 'l', before: 3 } };

/** Settles the source and goes through the phases, into the one that the run is for. */
export async function begin(worker: TestWorker, at: Partial<typeof source> = {}): Promise<SourceAnswer> {
  const answer = await must(worker.tell<SourceAnswer>('source', { ...source, ...at }));
  for (const phase of ['init', worker.claimed.command]) await must(worker.tell('phase', { phase }));
  return answer;
}

/** A plan from its request to its receipt; the id of the run is that of the plan. */
export async function planned(
  plane: Plane,
  request: Partial<RequestBody> = {},
  at: Partial<typeof source> = {},
): Promise<string> {
  const worker = await workerOf(plane, request);
  await finishPlan(plane, worker, at);
  return worker.id;
}

/** The rest of a plan whose worker has claimed it. */
export async function finishPlan(plane: Plane, worker: TestWorker, at: Partial<typeof source> = {}): Promise<void> {
  await begin(worker, at);
  await storePlan(plane, worker);
  await end(plane, worker, finished);
}

export async function storePlan(plane: Plane, worker: TestWorker, bytes = planBytes): Promise<void> {
  const { url } = await must(worker.tell<{ url: string }>('plan', { digest: digest(bytes), size: bytes.length }));
  await must(plane.ask('PUT', url, { body: bytes, headers: { 'content-type': 'application/octet-stream' } }));
}

/** Tells the end of the run and lets its worker be gone, so that its path is free. */
export async function end(plane: Plane, worker: TestWorker, report: Finish): Promise<void> {
  await must(worker.tell('phase', { phase: 'finish' }));
  await must(worker.tell('finish', report));
  plane.gone.add(worker.id);
  await plane.round();
}
