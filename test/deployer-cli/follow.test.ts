import { describe, expect, test } from 'vitest';
import { fail, type Outcome } from '../../deployer-cli/failure.ts';
import { follow } from '../../deployer-cli/follow.ts';
import type { Logs, Run } from '../../policies/contract/run.ts';
import { planned, planning } from './run-fixture.ts';

const page = (run: Run, cursor: string, texts: readonly string[] = []): Outcome<Logs> => ({
  ok: true,
  value: {
    lines: texts.map(text => ({ phase: 'plan', text })),
    cursor,
    pollMs: 100,
    run,
    ...(run.endedAt ? { end: { state: run.state, exitCode: 0 } } : {}),
  },
});
const away = fail('E_SERVER_AWAY', 'the server at X does not answer');

/** Time passes only while following sleeps. */
async function followed(answers: readonly Outcome<Logs>[], options: { timeoutMs?: number; untilRead?: boolean } = {}) {
  let now = 0;
  let asked = 0;
  const cursors: (string | undefined)[] = [];
  const seen: string[] = [];
  const said: string[] = [];
  const end = await follow({
    ask: async cursor => {
      cursors.push(cursor);
      return answers[Math.min(asked++, answers.length - 1)] ?? away;
    },
    see: logs => seen.push(...logs.lines.map(line => line.text)),
    say: text => said.push(text),
    sleep: async ms => {
      now += ms;
    },
    now: () => now,
    ...options,
  });
  return { end, cursors, seen, said, ms: now };
}

describe('following', () => {
  test('reads each line once until the end', async () => {
    const { end, cursors, seen } = await followed([
      page(planning, '1', ['a', 'b']),
      page(planning, '2', ['c']),
      page(planned, '3', ['d']),
    ]);
    expect(end).toEqual({ run: planned });
    expect(cursors).toEqual([undefined, '1', '2']);
    expect(seen).toEqual(['a', 'b', 'c', 'd']);
  });

  test('waits as long as the server says between two answers', async () => {
    const { ms } = await followed([page(planning, '1'), page(planning, '2'), page(planned, '3')]);
    expect(ms).toBe(200);
  });

  test('survives a server that is away for less than 30 s, and says so once', async () => {
    const answers = [page(planning, '1'), ...Array.from({ length: 25 }, () => away), page(planned, '2')];
    const { end, said, cursors } = await followed(answers);
    expect(end).toEqual({ run: planned });
    expect(said).toEqual(['the server at X does not answer; trying for 30 s, the run goes on', 'the server is back']);
    expect(cursors.at(-1)).toBe('1');
  });

  test('says nothing of one answer that got lost', async () => {
    expect((await followed([page(planning, '1'), away, page(planned, '2')])).said).toEqual([]);
  });

  test('stops waiting for a server that stays away', async () => {
    const { end, ms } = await followed([page(planning, '1'), away]);
    expect(end.run).toEqual(planning);
    expect(end.failure).toMatchObject({ code: 'E_STOPPED_WAITING' });
    expect(ms).toBeGreaterThanOrEqual(30_000);
    expect(ms).toBeLessThan(32_000);
  });

  test('stops waiting after the time that was asked for', async () => {
    const { end, ms } = await followed([page(planning, '1')], { timeoutMs: 5000 });
    expect(end.failure).toMatchObject({
      code: 'E_STOPPED_WAITING',
      message: 'stopped waiting after 5.0 s; the run goes on',
    });
    expect(ms).toBe(5000);
  });

  test('ends with what the server refuses', async () => {
    const refusal: Outcome<Logs> = { ok: false, failure: { code: 'E_UNAUTHENTICATED', message: 'no', status: 401 } };
    expect((await followed([page(planning, '1'), refusal])).end).toEqual({ run: planning, failure: refusal.failure });
  });

  test('can stop when everything has been read', async () => {
    const { end, seen } = await followed([page(planning, '1', ['a']), page(planning, '1')], { untilRead: true });
    expect(end).toEqual({ run: planning });
    expect(seen).toEqual(['a']);
  });
});
