import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Control, takeControl } from '../../task-image/control.ts';
import { doorwayTo } from '../../task-image/doorway.ts';
import { problemFrom, runId } from './parts.ts';
import { claimed, type ScriptedDoor, startScriptedDoor } from './scripted-door.ts';

let door: ScriptedDoor;
let control: Control | undefined;

async function begin(differences = {}): Promise<Control> {
  door = await startScriptedDoor(differences);
  control = await takeControl(doorwayTo(door.url), runId, 'ticket', 1000);
  return control;
}

afterEach(async () => {
  // Ends the heartbeat, with the door or without.
  await control?.finish({ outcome: 'failed' }).catch(() => {});
  control = undefined;
  await door.away();
});

const stopped = (signal: AbortSignal): Promise<unknown> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));

const refusal = (code: string) => ({ error: { code, message: 'no', fix: 'do this', requestId: 'x' } });

describe('claiming', () => {
  test('trades the ticket for the token that every later call carries', async () => {
    const { phase, claimed: got } = await begin();
    expect(got).toEqual(claimed());
    await phase('source');
    expect(door.of('claim')).toMatchObject([{ token: undefined, body: { run: runId, ticket: 'ticket' } }]);
    expect(door.of('phase')).toMatchObject([{ token: 'token', body: { phase: 'source' } }]);
  });

  test('waits for a door that is not there yet', async () => {
    door = await startScriptedDoor();
    await door.away();
    const claiming = takeControl(doorwayTo(door.url), runId, 'ticket', 5000);
    await sleep(300);
    await door.back();
    control = await claiming;
    expect(control.claimed.token).toBe('token');
  });

  test('is told with the same nonce until it is answered, and with another by another worker', async () => {
    const noncesOf = () => door.of('claim').map(({ body }) => (body as { nonce?: string }).nonce);
    door = await startScriptedDoor();
    door.answer('claim', refusal('E_INTERNAL'), 500);
    const claiming = takeControl(doorwayTo(door.url), runId, 'ticket', 5000);
    while (noncesOf().length < 2) await sleep(20);
    door.answer('claim', claimed());
    control = await claiming;
    const nonces = noncesOf();
    expect(new Set(nonces).size).toBe(1);
    expect(nonces[0]).toMatch(/^[\w-]{43}$/);
    expect(control.masker.masked(`${nonces[0]}`)).toBe('[masked]');
    const another = await takeControl(doorwayTo(door.url), runId, 'ticket', 1000);
    await another.finish({ outcome: 'failed' });
    expect(noncesOf().at(-1)).not.toBe(nonces[0]);
  });

  test('gives up when there is no door for long', async () => {
    door = await startScriptedDoor();
    await door.away();
    expect(await problemFrom(() => takeControl(doorwayTo(door.url), runId, 'ticket', 300))).toMatchObject({
      code: 'E_LOST',
    });
  });

  test('fails at once when the door refuses, in its words', async () => {
    door = await startScriptedDoor();
    door.answer('claim', refusal('E_UNAUTHENTICATED'), 401);
    const problem = await problemFrom(() => takeControl(doorwayTo(door.url), runId, 'ticket', 5000));
    expect(problem).toEqual({ code: 'E_UNAUTHENTICATED', message: 'no', fix: 'do this' });
    expect(door.of('claim').length).toBe(1);
  });
});

describe('a door that goes away', () => {
  test('is asked again until it is back, and nothing is lost', async () => {
    const { line, phase, stop } = await begin();
    await door.away();
    await line({ phase: 'plan', text: 'while it was away' });
    const reporting = phase('plan');
    await sleep(400);
    await door.back();
    await reporting;
    await control?.finish({ outcome: 'succeeded' });
    expect(door.lines()).toEqual(['while it was away']);
    expect(stop.aborted).toBe(false);
  });

  test('is given up after one lease, and the worker stops', async () => {
    const { stop } = await begin({ leaseMs: 800 });
    const began = Date.now();
    await door.away();
    expect(await stopped(stop)).toBe('lost');
    const waited = Date.now() - began;
    expect(waited).toBeGreaterThan(500);
    expect(waited).toBeLessThan(6000);
  });

  test('is given up after one lease too when it takes calls and does not answer', async () => {
    const { stop } = await begin({ leaseMs: 800 });
    const began = Date.now();
    door.hang();
    expect(await stopped(stop)).toBe('lost');
    expect(Date.now() - began).toBeLessThan(6000);
  });

  test('is asked again when it fails inside', async () => {
    const { phase } = await begin();
    door.answer('phase', refusal('E_INTERNAL'), 500);
    const reporting = phase('plan');
    await sleep(300);
    door.answer('phase', {});
    await reporting;
    expect(door.of('phase').length).toBeGreaterThan(1);
  });

  test('is not asked again when it has refused', async () => {
    const { phase, stop } = await begin();
    door.answer('phase', refusal('E_PLAN_USED'), 409);
    expect(await problemFrom(() => phase('apply'))).toMatchObject({ code: 'E_PLAN_USED' });
    expect(door.of('phase').length).toBe(1);
    expect(stop.aborted).toBe(false);
  });
});

describe('stopping', () => {
  test('follows the answer to a heartbeat', async () => {
    const { stop } = await begin();
    door.answer('heartbeat', { stop: 'canceled' });
    expect(await stopped(stop)).toBe('canceled');
  });

  test('follows the answer to a batch of lines, sooner than the next heartbeat', async () => {
    const { stop, line } = await begin({ heartbeatMs: 60_000, leaseMs: 60_000 });
    door.answer('log', { stop: 'canceled' });
    await line({ phase: 'plan', text: 'x' });
    expect(await stopped(stop)).toBe('canceled');
  });

  test('follows the answer to a phase', async () => {
    const { stop, phase } = await begin({ heartbeatMs: 60_000, leaseMs: 60_000 });
    door.answer('phase', { stop: 'canceled' });
    await phase('plan');
    expect(stop.reason).toBe('canceled');
  });

  test('comes with the deadline', async () => {
    const { stop } = await begin({ deadlineMs: 300 });
    expect(await stopped(stop)).toBe('deadline');
  });

  test.each(['E_RUN_ENDED', 'E_UNAUTHENTICATED'])('comes when the door says %s: the run is over', async code => {
    const { stop } = await begin();
    door.answer('heartbeat', refusal(code), 409);
    expect(await stopped(stop)).toBe('lost');
  });

  test.each([
    ['canceled', 120_000],
    ['terminated', 80_000],
  ] as const)('leaves Terraform less time where the platform ends the worker: %s', async (reason, graceMs) => {
    const { halt, graceMs: left } = await begin({ graceMs: 120_000 });
    halt(reason);
    expect(left()).toBe(graceMs);
  });

  test('happens once, for the first reason', async () => {
    const { stop, halt } = await begin();
    halt('terminated');
    halt('canceled');
    expect(stop.reason).toBe('terminated');
  });
});

describe("the door's own secrets", () => {
  test('and what is hidden besides are in nothing that is told of the end', async () => {
    const token = `${runId}.the-secret-of-the-token`;
    const { masker, finish } = await begin({ token });
    masker.hide('hunter2-hunter2');
    expect(masker.masked(`ticket ${token} the-secret-of-the-token hunter2-hunter2 ${runId}`)).toBe(
      `[masked] [masked] [masked] [masked] ${runId}`,
    );
    const words = 'a hunter2-hunter2 b';
    await finish({
      outcome: 'failed',
      error: { code: 'E_PLAN', message: words, fix: `${'x'.repeat(4090)} hunter2-hunter2` },
      changes: [{ address: 'x["hunter2-hunter2"]', action: 'create' }],
      tool: { binary: 'terraform', version: '1.11.4' },
    });
    expect(door.of('finish')[0]?.body).toEqual({
      outcome: 'failed',
      error: { code: 'E_PLAN', message: 'a [masked] b', fix: `${'x'.repeat(4090)} [mask` },
      changes: [{ address: 'x["[masked]"]', action: 'create' }],
      tool: { binary: 'terraform', version: '1.11.4' },
    });
  });
});

describe('lines', () => {
  test('arrive in order and completely before the end is told', async () => {
    const { line, finish } = await begin();
    const sent = Array.from({ length: 7000 }, (_, index) => `line ${index}`);
    for (const text of sent) await line({ phase: 'plan', text });
    await finish({ outcome: 'succeeded' });
    expect(door.lines()).toEqual(sent);
    expect(door.of('log').map(({ body }) => (body as { seq: number }).seq)).toEqual(
      door.of('log').map((_call, index) => index),
    );
    expect(door.calls.findLastIndex(({ operation }) => operation === 'log')).toBeLessThan(
      door.calls.findIndex(({ operation }) => operation === 'finish'),
    );
  });

  test('arrive soon, few as they are', async () => {
    const { line } = await begin();
    const began = Date.now();
    await line({ phase: 'plan', text: 'x' });
    while (door.of('log').length === 0 && Date.now() - began < 5000) await sleep(5);
    expect((door.of('log')[0]?.at ?? Number.POSITIVE_INFINITY) - began).toBeLessThan(1500);
  });

  test('travel in batches that the door takes, however long they are', async () => {
    const { line, finish } = await begin();
    // The worst that JSON makes of a character is six: a control character of a colour.
    const text = '\u001b[m'.repeat(10_000);
    for (let count = 0; count < 20; count += 1) await line({ phase: 'plan', text });
    await finish({ outcome: 'succeeded' });
    expect(door.lines().length).toBe(20);
    for (const { body } of door.of('log')) expect(JSON.stringify(body).length).toBeLessThan(1024 * 1024);
  });

  test('hold the tool back while the door is away, and come after it is back', async () => {
    const { line, finish } = await begin({ leaseMs: 20_000 });
    await door.away();
    let taken = 0;
    const total = 23_000;
    const writing = (async () => {
      for (; taken < total; taken += 1) await line({ phase: 'plan', text: 'x' });
    })();
    await sleep(500);
    const held = taken;
    await door.back();
    await writing;
    await finish({ outcome: 'succeeded' });
    expect(held).toBeLessThan(total);
    expect(door.lines().length).toBe(total);
  });

  test('that the door does not want do not end the run', async () => {
    const { line, finish, stop } = await begin();
    door.answer('log', refusal('E_BAD_REQUEST'), 400);
    await line({ phase: 'plan', text: 'x' });
    await finish({ outcome: 'succeeded' });
    expect(door.of('finish')).toMatchObject([{ body: { outcome: 'succeeded' } }]);
    expect(stop.aborted).toBe(false);
  });
});

test('the heartbeat goes on while the run does, and ends with it', async () => {
  const { finish } = await begin({ heartbeatMs: 50 });
  await expect.poll(() => door.of('heartbeat').length, { timeout: 15_000 }).toBeGreaterThan(3);
  await finish({ outcome: 'succeeded' });
  const beats = door.of('heartbeat').length;
  await sleep(200);
  expect(door.of('heartbeat').length).toBe(beats);
});

test('the heartbeat goes on until the door has taken the end', async () => {
  const { finish, stop } = await begin({ heartbeatMs: 50, leaseMs: 3000 });
  door.answer('finish', refusal('E_POLICY_UNAVAILABLE'), 503);
  const finishing = finish({ outcome: 'succeeded' });
  await sleep(4000);
  door.answer('finish', {});
  await finishing;
  expect(door.of('heartbeat').length).toBeGreaterThan(3);
  expect(stop.aborted).toBe(false);
});

test('a heartbeat is left out where the door has just heard of the run', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval', 'setTimeout'] });
  const asked: string[] = [];
  const ask = async (operation: string) => {
    asked.push(operation);
    return { status: 200, body: operation === 'claim' ? claimed({ heartbeatMs: 1000 }) : {} };
  };
  const { phase, finish } = await takeControl({ ask, retryMs: 1, flushMs: 1 }, runId, 'ticket');
  await vi.advanceTimersByTimeAsync(900);
  await phase('plan');
  await vi.advanceTimersByTimeAsync(100);
  expect(asked).toEqual(['claim', 'phase']);
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toEqual(['claim', 'phase', 'heartbeat']);
  await finish({ outcome: 'succeeded' });
  vi.useRealTimers();
});
