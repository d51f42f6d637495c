import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Rounds, startRounds } from '../../../invoker/embedded/rounds.ts';

const leaseMs = 15_000;
/** Later than this after the round before, a round is late. */
const lateMs = 6000;

let now: number;
let seen: boolean[];
let failures: unknown[];
let inRound: () => Promise<void>;
let rounds: Rounds;
beforeEach(() => {
  now = 1e12;
  seen = [];
  failures = [];
  inRound = async () => {};
  rounds = startRounds({
    round: async mayExpire => {
      seen.push(mayExpire);
      await inRound();
    },
    now: () => now,
    leaseMs,
    failed: error => failures.push(error),
  });
});
afterEach(() => rounds.stop());

/** The round that begins now, and whether it may let anything expire. */
const roundAfter = async (ms: number): Promise<boolean | undefined> => {
  now += ms;
  rounds.wake();
  await tick();
  return seen.at(-1);
};
const tick = () => new Promise(resolve => setImmediate(resolve));

describe('a round', () => {
  test('may let runs expire, the first and those in time', async () => {
    await tick();
    expect(seen).toEqual([true]);
    for (const ms of [0, 1000, lateMs]) expect(await roundAfter(ms)).toBe(true);
  });

  test.each([
    ['comes late', lateMs + 1],
    ['comes late by hours', 3_600_000],
    ['finds that the clock was set back', -lateMs - 1],
  ])('that %s lets nothing expire, nor does any for one lease', async (_, ms) => {
    await tick();
    expect(await roundAfter(ms)).toBe(false);
    for (let passed = 5000; passed < leaseMs; passed += 5000) expect(await roundAfter(5000)).toBe(false);
    expect(await roundAfter(4999)).toBe(false);
    expect(await roundAfter(1)).toBe(true);
  });

  test('that takes long makes none late', async () => {
    await tick();
    inRound = async () => {
      now += 10 * lateMs;
    };
    expect(await roundAfter(0)).toBe(true);
    inRound = async () => {};
    expect(await roundAfter(1000)).toBe(true);
  });

  test('follows one that was running when it was asked for, once, and never beside it', async () => {
    await tick();
    let [running, most] = [0, 0];
    let finish = () => {};
    inRound = async () => {
      most = Math.max(most, ++running);
      await new Promise<void>(resolve => {
        finish = resolve;
      });
      running -= 1;
    };
    for (let time = 0; time < 3; time++) await roundAfter(0);
    expect(seen.length).toBe(2);
    finish();
    await tick();
    expect(seen.length).toBe(3);
    finish();
    await tick();
    expect([seen.length, most]).toEqual([3, 1]);
  });

  test('comes every second', async () => {
    await tick();
    await expect.poll(() => seen.length, { timeout: 5000 }).toBeGreaterThan(2);
  });
});

describe('a round that fails', () => {
  test('is told, is a problem until one goes well, and ends nothing', async () => {
    await tick();
    expect(rounds.problem()).toBeUndefined();
    inRound = () => Promise.reject(new Error('disk full'));
    await roundAfter(0);
    expect(rounds.problem()).toBe('the keeper failed: disk full');
    expect(failures).toEqual([new Error('disk full')]);
    inRound = async () => {};
    await roundAfter(0);
    expect(rounds.problem()).toBeUndefined();
  });
});

describe('stop', () => {
  test('waits for the round that runs, and lets no other begin', async () => {
    await tick();
    let finish = () => {};
    inRound = () =>
      new Promise<void>(resolve => {
        finish = resolve;
      });
    await roundAfter(0);
    rounds.wake();
    let stopped = false;
    const stopping = rounds.stop().then(() => {
      stopped = true;
    });
    await tick();
    expect(stopped).toBe(false);
    finish();
    await stopping;
    rounds.wake();
    await tick();
    expect(seen.length).toBe(2);
  });
});
