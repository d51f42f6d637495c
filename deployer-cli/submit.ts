/** The main command: settles what is asked for, asks for it, follows the run and says how it ended. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestBody } from '../policies/contract/request.ts';
import type { Created, Run } from '../policies/contract/run.ts';
import { hasChanges } from './changes.ts';
import { green, yellow } from './colour.ts';
import { formatDuration } from './duration.ts';
import { exitCodeOfRun, exitCodeOfSignal, type Signal } from './exit-code.ts';
import type { Failure, Outcome } from './failure.ts';
import { flagNames } from './flags.ts';
import type { Given } from './given.ts';
import { type Interruption, listenForInterruption } from './interruption.ts';
import type { Ending, Invocation } from './invocation.ts';
import { commandLine, repeated } from './paste.ts';
import { accepted, header } from './render.ts';
import { writeRunFile } from './run-file.ts';
import { travelsInClear } from './server.ts';
import { needsGit, requestOf, type Settings, settle } from './settings.ts';
import { findToken } from './token.ts';
import { connect, isPassing, type Transport } from './transport.ts';
import { watch } from './watch.ts';

export async function submit(invocation: Invocation): Promise<Ending> {
  const { given, surroundings, screen } = invocation;
  const { env, cwd } = surroundings;
  const git = needsGit(given, env) ? await (await import('./git.ts')).readGit(cwd, env) : undefined;
  const settled = settle(given, env, git, randomUUID);
  if (!settled.ok) return { data: {}, failure: settled.failure };
  const settings = settled.value;
  const { requestId } = settings;
  const server = settings.server.value;
  const token = findToken(env, 'ask', server);
  if (!token.ok) return { data: { requestId }, failure: token.failure };

  if (travelsInClear(server)) screen.error(yellow(`! the token travels in clear to ${server}: use https`));
  const interruption = listenForInterruption(surroundings);
  try {
    screen.status(`asking ${server}`);
    const door = await connect({
      server,
      ...(token.value && { token: token.value.value }),
      signal: interruption.abort,
    });
    const created = await createPatiently(door, requestOf(settings), interruption.abort);
    screen.status();
    const run = created.ok ? created.value.run : undefined;
    for (const line of header(settings, token.value?.source ?? 'AWS credentials', run)) screen.line(line);
    if (!created.ok) return notCreated(created.failure, interruption.signal(), given, requestId);
    screen.line(accepted(created.value.run));
    return await attend(invocation, settings, created.value, door.withKey(created.value.runKey), interruption);
  } finally {
    interruption.close();
  }
}

/** GitLab cuts a job's log at 4 MiB by default: how the run ends must be before that. */
const shownBytes = 3.5 * 1024 * 1024;

const retriesMs = [300, 600, 1200];

/** The request id makes it safe to ask again when the answer got lost: nothing starts twice. */
async function createPatiently(
  door: Pick<Transport, 'create'>,
  request: RequestBody,
  signal: AbortSignal,
): Promise<Outcome<Created>> {
  for (const pauseMs of retriesMs) {
    const created = await door.create(request);
    if (created.ok || !isPassing(created.failure) || signal.aborted) return created;
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
  return await door.create(request);
}

function notCreated(failure: Failure, signal: Signal | undefined, given: Given, requestId: string): Ending {
  const names = flagNames.filter(name => name !== 'request-id');
  const again = `ask again; with this id nothing starts twice:\n  ${commandLine(...repeated(given, names), '--request-id', requestId)}`;
  const data = { requestId };
  if (signal) {
    const message = 'stopped before the server answered; if it got the request, the run goes on';
    return {
      data,
      failure: { code: 'E_INTERRUPTED', message, fix: again, requestId },
      exitCode: exitCodeOfSignal(signal),
    };
  }
  if (!isPassing(failure)) return { data, failure };
  const fix = failure.fix === undefined ? again : `${failure.fix}\nthen ${again}`;
  return { data, failure: { ...failure, fix, requestId: failure.requestId ?? requestId } };
}

/** From here on there is a run: it is watched with its own key, and a signal cancels it. */
async function attend(
  { given, surroundings, screen }: Invocation,
  settings: Settings,
  created: Created,
  transport: Transport,
  interruption: Interruption,
): Promise<Ending> {
  const { requestId } = settings;
  const { id } = created.run;
  let last: Run = created.run;
  let stoppingSince: number | undefined;

  const leave = (exitCode: number) => {
    screen.error(`  look: ${commandLine('runs', 'show', id)}`);
    screen.error(`exit ${exitCode}`);
  };
  interruption.arm(
    async () => {
      stoppingSince = performance.now();
      screen.line(yellow(`… canceling ${id}; Terraform finishes what it has started (once more leaves it alone)`));
      const canceled = await transport.cancel(id);
      if (!canceled.ok && canceled.failure.code !== 'E_RUN_ENDED') {
        screen.error(yellow(`! not canceled: ${canceled.failure.message}`));
      }
    },
    signal => {
      const exitCode = exitCodeOfSignal(signal);
      screen.error(`left while run ${id} is being stopped`);
      leave(exitCode);
      if (screen.isJson) screen.data(`${JSON.stringify({ run: last, requestId, exitCode })}\n`);
      return surroundings.exit(exitCode);
    },
  );

  const file = given.get('run-file')?.value;
  const written =
    file === undefined ? undefined : writeRunFile(surroundings.cwd, file, { run: id, runKey: created.runKey });
  if (written && !written.ok) screen.error(yellow(`! ${written.failure.message}`));

  const { run = last, failure } = await watch({
    transport,
    id,
    screen,
    verbose: given.has('verbose'),
    cap: { bytes: shownBytes, marker: yellow(`… the rest of the output:  ${commandLine('runs', 'logs', id)}`) },
    ...(settings.timeout ? { timeoutMs: settings.timeout.value } : {}),
    seen: seen => {
      last = seen;
    },
  });
  const data = { run, requestId };
  const signal = interruption.signal();
  if (signal) {
    const exitCode = exitCodeOfSignal(signal);
    if (failure && run.state !== 'canceled') return { data, failure, exitCode };
    const tookMs = performance.now() - (stoppingSince ?? 0);
    if (failure) screen.line(`${green('✔')} stopped after ${formatDuration(tookMs)}`);
    leave(exitCode);
    return { data, exitCode };
  }
  if (failure) return run.endedAt ? { data, failure, exitCode: exitCodeOfRun(run, false) } : { data, failure };

  if (run.command === 'plan' && run.planId && hasChanges(run)) {
    const apply = ['--command', 'apply', '--path', run.path, '--plan-id', run.planId];
    screen.line(`To apply:  ${commandLine(...apply, ...repeated(given, ['ref', 'repo', 'server', 'config']))}`);
  }
  return { data, exitCode: exitCodeOfRun(run, given.has('detailed-exitcode')) };
}
