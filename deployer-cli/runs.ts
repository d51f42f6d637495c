/** The sub-commands about runs that are there already. */
import { dim, yellow } from './colour.ts';
import { exitCodeOfRun } from './exit-code.ts';
import { done, fail, type Outcome } from './failure.ts';
import { isFunction } from './function-address.ts';
import type { Ending, Invocation } from './invocation.ts';
import { commandLine } from './paste.ts';
import { explained } from './render.ts';
import { readRunFile } from './run-file.ts';
import { runPage, runTable } from './run-page.ts';
import { findServer, travelsInClear } from './server.ts';
import { findTimeout } from './settings.ts';
import { findToken } from './token.ts';
import { connect, type Transport } from './transport.ts';
import { watch } from './watch.ts';

export async function list(invocation: Invocation): Promise<Ending> {
  const { given, screen } = invocation;
  const limit = given.get('limit');
  if (limit && !/^[1-9]\d{0,5}$/.test(limit.value)) {
    return { data: {}, failure: fail('E_USAGE', `\`${limit.source}\` is not a number: \`${limit.value}\``).failure };
  }
  const transport = await reach(invocation);
  if (!transport.ok) return { data: {}, failure: transport.failure };

  const filters = (['path', 'repo', 'state', 'limit'] as const).flatMap(name => {
    const setting = given.get(name);
    return setting ? [[name, setting.value] as const] : [];
  });
  const listed = await transport.value.list(Object.fromEntries(filters));
  if (!listed.ok) return { data: {}, failure: listed.failure };
  for (const line of runTable(listed.value)) screen.line(line);
  return { data: { runs: listed.value } };
}

export const show = (invocation: Invocation): Promise<Ending> =>
  withRun(invocation, async (transport, id) => {
    const answer = await transport.run(id);
    if (!answer.ok) return { data: {}, failure: answer.failure };
    for (const line of runPage(answer.value)) invocation.screen.line(line);
    return { data: { run: answer.value } };
  });

export const cancel = (invocation: Invocation): Promise<Ending> =>
  withRun(invocation, async (transport, id) => {
    const answer = await transport.cancel(id);
    if (!answer.ok) return { data: {}, failure: answer.failure };
    const run = answer.value;
    invocation.screen.line(yellow(`… canceling ${run.id}, ${run.command} of ${run.path}`));
    invocation.screen.line(`  wait for its end:  ${commandLine('runs', 'logs', run.id, '--follow')}`);
    return { data: { run } };
  });

/** All phases are shown; only `--follow` waits, and ends as the run does. */
export const logs = (invocation: Invocation): Promise<Ending> =>
  withRun(invocation, async (transport, id) => {
    const { given, screen } = invocation;
    const timeout = findTimeout(given);
    if (!timeout.ok) return { data: {}, failure: timeout.failure };
    const isFollowed = given.has('follow');
    const lines: unknown[] = [];
    let isSilent = true;
    const keep = async (...asked: Parameters<Transport['logs']>) => {
      const answer = await transport.logs(...asked);
      if (answer.ok && answer.value.lines.length > 0) isSilent = false;
      if (answer.ok && screen.isJson) lines.push(...answer.value.lines);
      return answer;
    };
    const { run, failure } = await watch({
      transport: { logs: keep },
      id,
      screen,
      verbose: true,
      untilRead: !isFollowed,
      ...(timeout.value ? { timeoutMs: timeout.value.value } : {}),
    });
    const data = { ...(run ? { run } : {}), ...(screen.isJson ? { lines } : {}) };
    if (!run?.endedAt) return failure ? { data, failure } : { data };
    // To a function of AWS it looks the same whether there was no output, or the ledger does not have it any more.
    if (isSilent && run.startedAt !== undefined && isFunction(given.get('server')?.value ?? ''))
      screen.line(dim(`… no output here: what is older than two weeks is in CloudWatch Logs, stream ${id}`));
    if (!isFollowed) {
      // To have read the log of a run that failed is no failure.
      for (const line of failure ? explained(failure) : []) screen.line(line);
      return { data };
    }
    const exitCode = exitCodeOfRun(run, given.has('detailed-exitcode'));
    return failure ? { data, failure, exitCode } : { data, exitCode };
  });

/** The run that is named, or the one of the run file with its own key. */
async function withRun(
  invocation: Invocation,
  act: (transport: Transport, id: string) => Promise<Ending>,
): Promise<Ending> {
  const target = findRun(invocation);
  if (!target.ok) return { data: {}, failure: target.failure };
  const transport = await reach(invocation, target.value.key);
  return transport.ok ? await act(transport.value, target.value.id) : { data: {}, failure: transport.failure };
}

function findRun({ operand, given, surroundings }: Invocation): Outcome<{ id: string; key?: string }> {
  const file = given.get('run-file');
  if (operand !== undefined) {
    if (file?.source === '--run-file')
      return fail('E_USAGE', 'a run id and `--run-file` are both given', 'leave one out');
    return done({ id: operand });
  }
  if (!file) return fail('E_USAGE', 'no run is named', 'give its id, or  --run-file FILE');
  const handle = readRunFile(surroundings.cwd, file.value);
  return handle.ok ? done({ id: handle.value.run, key: handle.value.runKey }) : handle;
}

/** With the key of one run, or with what may read all of them. */
async function reach({ given, screen, surroundings }: Invocation, key?: string): Promise<Outcome<Transport>> {
  const found = findServer(given);
  if (!found.ok) return found;
  const server = found.value.value;
  const token = key === undefined ? findToken(surroundings.env, 'read', server) : done({ value: key });
  if (!token.ok) return token;
  if (travelsInClear(server)) screen.error(yellow(`! the token travels in clear to ${server}: use https`));
  return done(await connect({ server, ...(token.value && { token: token.value.value }) }));
}
