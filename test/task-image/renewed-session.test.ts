import { describe, expect, test } from 'vitest';
import type { Session } from '../../policies/contract/worker.ts';
import { renewedSession } from '../../task-image/renewed-session.ts';
import { session } from './aws-stub.ts';

const minutes = 60_000;

/** Sessions of this length, on a clock that a test moves; `give` makes of each time it is asked what is answered. */
function renewed(lifeMs: number, give = async (next: Session): Promise<Session> => next) {
  const clock = { now: 0 };
  let asked = 0;
  const made = () => session(`${asked}`, new Date(clock.now + lifeMs));
  const ask = () => {
    asked += 1;
    return give(made());
  };
  const current = renewedSession(made(), ask, () => clock.now);
  return { clock, asked: () => asked, current: async () => (await current())?.accessKeyId };
}

describe('a session', () => {
  test.each([
    ['an hour: in its last third', 60 * minutes, 40 * minutes],
    ['a quarter of an hour: in its last ten minutes', 15 * minutes, 5 * minutes],
    ['three seconds: after its first third', 3000, 1000],
  ])('is renewed when it is asked for, of %s', async (_what, lifeMs, atMs) => {
    const { clock, asked, current } = renewed(lifeMs);
    clock.now = atMs;
    expect(await current()).toBe('ASIA0');
    clock.now = atMs + 1;
    expect(await current()).toBe('ASIA1');
    expect(await current()).toBe('ASIA1');
    expect(asked()).toBe(1);
  });

  test('is renewed once, however many ask', async () => {
    const { clock, asked, current } = renewed(60 * minutes);
    clock.now = 50 * minutes;
    const all = await Promise.all([current(), current(), current()]);
    expect(all).toEqual(['ASIA1', 'ASIA1', 'ASIA1']);
    expect(asked()).toBe(1);
  });

  test('that cannot be renewed is used until it expires, and then there is none', async () => {
    const away = async (): Promise<Session> => Promise.reject(new Error('the door is away'));
    const { clock, asked, current } = renewed(60 * minutes, away);
    clock.now = 50 * minutes;
    expect([await current(), await current(), asked()]).toEqual(['ASIA0', 'ASIA0', 1]);
    clock.now += 6000;
    expect([await current(), asked()]).toEqual(['ASIA0', 2]);
    clock.now = 60 * minutes;
    expect(await current()).toBeUndefined();
  });

  test('is there again when the door is', async () => {
    let isAway = true;
    const { clock, current } = renewed(60 * minutes, async next => {
      if (isAway) throw new Error('the door is away');
      return next;
    });
    clock.now = 61 * minutes;
    expect(await current()).toBeUndefined();
    isAway = false;
    clock.now += 6000;
    expect(await current()).toBe('ASIA2');
  });

  test('is used while the door does not answer', async () => {
    const { clock, current } = renewed(60 * minutes, () => new Promise(() => {}));
    clock.now = 50 * minutes;
    expect(await current()).toBe('ASIA0');
  });
});
