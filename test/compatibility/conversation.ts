/** What a client, a worker and an auditor of this version ask the doors, and how that is written down. */
import type { DoorName, Doors } from './doors.ts';
import { commit } from './installed.ts';

export interface Said {
  readonly status: number;
  readonly body: unknown;
}

/** One question with its answer, or a round of the keeper, after which the worker of `gone` is not there any more. */
export type Exchange =
  | { readonly door: DoorName; readonly event: Readonly<Record<string, string>>; readonly answer: Said }
  | { readonly round: Readonly<Record<string, string>>; readonly gone?: string };

/** Of answers, what is used in the next question: each where it is said. */
interface Told {
  readonly run: { readonly id: string; readonly command: string };
  readonly runKey: string;
  readonly token: string;
}

/** Of a worker, the same each time that it tells its claim. */
const nonce = 'n'.repeat(22);

/** Asks today's doors, and keeps what was said. */
export function recorder(doors: Doors) {
  const exchanges: Exchange[] = [];
  const ask = async (door: DoorName, operation: string, request: object, credential: object = {}) => {
    const event = { operation, request: JSON.stringify(request), ...credential };
    const answer = await doors.ask(door, event);
    exchanges.push({ door, event, answer });
    return answer.body as Told;
  };
  const round = async (gone?: string) => {
    if (gone !== undefined) doors.gone(gone);
    const tickets = await doors.round();
    exchanges.push({ round: tickets, ...(gone === undefined ? {} : { gone }) });
    return tickets;
  };
  const asked = (job: number, request: object) =>
    ask('deploy', 'createRun', { ref: 'main', sha: commit, ...request }, { idToken: `job-${job}` });
  /** From its start to the phase before its command. */
  const begun = async ({ run: { id, command } }: Told) => {
    const ticket = (await round())[id] ?? '';
    const { token } = await ask('worker', 'claim', { run: id, ticket, nonce });
    const tell = (operation: string, body: object = {}) => ask('worker', operation, body, { token });
    await tell('source', { ref: 'refs/heads/main', commit, tip: commit });
    await tell('phase', { phase: 'gate' });
    await tell('credentials');
    if (command === 'apply') await tell('errored-state');
    await tell('phase', { phase: 'init' });
    await tell('log', { seq: 0, lines: [{ phase: 'init', text: 'Initializing the backend...' }] });
    return { id, token, tell };
  };
  return { exchanges, ask, round, asked, begun };
}

/** Every operation, and the refusals that clients and workers act upon. */
export async function wholeConversation(doors: Doors): Promise<readonly Exchange[]> {
  const { exchanges, ask, round, asked, begun } = recorder(doors);
  const plan = { command: 'plan', path: 'prod/vpc', requestId: '0c5c1a5e-0000-4000-8000-000000000001' };
  await ask('deploy', 'decide', { ...plan, ref: 'main' }, { idToken: 'job-300' });
  await ask('deploy', 'decide', { ...plan, path: 'staging/vpc', ref: 'main' }, { idToken: 'job-300' });
  await asked(301, { ...plan, path: 'staging/vpc' });
  await ask('deploy', 'createRun', { ...plan, ref: 'main' }, { idToken: 'nobody' });
  await ask('deploy', 'createRun', { ...plan, ref: 'main', path: '../vpc' }, { idToken: 'job-301' });

  const planned = await asked(302, plan);
  const { id, token, tell } = await begun(planned);
  const key = { runKey: planned.runKey };
  await ask('deploy', 'getRun', { id }, key);
  await ask('deploy', 'getRun', { id }, { runKey: 'k_of-another-run' });
  await ask('deploy', 'getLogs', { id }, key);
  await tell('phase', { phase: 'plan' });
  await tell('heartbeat');
  await tell('plan', { digest: 'b'.repeat(64), size: 1234 });
  await tell('phase', { phase: 'finish' });
  const counts = { create: 1, update: 0, delete: 0, replace: 0 };
  await tell('finish', {
    outcome: 'succeeded',
    hasChanges: true,
    counts,
    changes: [{ address: 'terraform_data.vpc', action: 'create' }],
    tool: { binary: 'terraform', version: '1.11.4' },
    lockDigest: 'c'.repeat(64),
    state: { lineage: '5f0c', before: 3 },
  });
  await ask('worker', 'heartbeat', {}, { token });
  await round(id);
  await ask('deploy', 'getLogs', { id, cursor: '1' }, key);

  const applied = await asked(303, { command: 'apply', path: 'prod/vpc', planId: id });
  const applying = await begun(applied);
  await applying.tell('phase', { phase: 'apply' });
  await applying.tell('finish', { outcome: 'succeeded', state: { before: 3, after: 4 } });
  await round(applying.id);
  await asked(304, { command: 'apply', path: 'prod/vpc', planId: id });

  const canceled = await asked(305, { command: 'plan', path: 'prod/app' });
  const stopping = await begun(canceled);
  await ask('deploy', 'cancelRun', { id: stopping.id }, { runKey: canceled.runKey });
  await stopping.tell('heartbeat');
  await stopping.tell('finish', {
    outcome: 'canceled',
    error: { code: 'E_CANCELED', message: 'the run was canceled' },
  });
  await ask('deploy', 'getLogs', { id: stopping.id }, { runKey: canceled.runKey });
  await ask('worker', 'claim', { run: stopping.id, ticket: 'spent' });

  await ask('audit', 'listRuns', { limit: '10' });
  await ask('audit', 'getRun', { id });
  await ask('audit', 'getLogs', { id });
  await ask('audit', 'listAudit', { limit: '100' });
  await ask('audit', 'verifyAudit', { limit: '100' });
  return exchanges;
}

/** A run in the middle of its plan, and one that waits for its path; what their holders hold, to go on with. */
export async function inFlight(doors: Doors) {
  const { asked, begun } = recorder(doors);
  const running = await asked(401, { command: 'plan', path: 'prod/vpc' });
  const { token } = await begun(running);
  const queued = await asked(402, { command: 'plan', path: 'prod/vpc' });
  return {
    running: { id: running.run.id, runKey: running.runKey, token },
    queued: { id: queued.run.id, runKey: queued.runKey },
  };
}
