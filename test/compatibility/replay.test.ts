/**
 * The doors of today against clients, workers and ledgers of earlier versions, as these were recorded when they were
 * released: every operation asked as it was then is answered as it was then, and what lay in the table goes on.
 *
 * What it shows: no operation, field, state or refusal that a client or worker of a recorded version acts upon has vanished
 * or changed its kind, and runs in flight and in the queue are taken over with their tokens and keys. What it does not: that
 * a client makes of an answer what it made before (its own tests of that version say so), what nobody thought of asking,
 * and SDK, IAM and Lambda around the doors, which the update of a whole account shows (`end-to-end/aws/update.test.ts`).
 * Of this version itself it shows that the recording is true.
 */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyChain } from '../../policies/audit-chain.ts';
import { type Moto, startMoto } from '../support/aws/moto.ts';
import { requires } from '../support/requirements.ts';
import { openDoors } from './doors.ts';
import { readConversation, readInFlight, recordings } from './recordings.ts';
import { broken, renamed } from './shape.ts';

describe.skipIf(requires('aws')).each(readdirSync(recordings))('version %s', { timeout: 60_000 }, minor => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  }, 60_000);
  afterAll(() => moto?.stop());

  test('is answered as it was', async () => {
    const { from, exchanges } = readConversation(minor);
    const doors = await openDoors(moto, 'conversation', from);
    const names = new Map<string, string>();
    const inTodaysNames = (text: string): string =>
      // The longest first: a token has the id of its run in it.
      [...names]
        .sort(([a], [b]) => b.length - a.length)
        .reduce((said, [before, now]) => said.replaceAll(before, now), text);
    for (const exchange of exchanges) {
      if ('round' in exchange) {
        if (exchange.gone !== undefined) doors.gone(inTodaysNames(exchange.gone));
        const tickets = await doors.round();
        for (const [id, ticket] of Object.entries(exchange.round)) {
          const today = tickets[inTodaysNames(id)];
          if (today === undefined) throw new Error(`run ${id} is not started`);
          names.set(ticket, today);
        }
        continue;
      }
      const event = JSON.parse(inTodaysNames(JSON.stringify(exchange.event)));
      const answer = await doors.ask(exchange.door, event);
      const asked = `${exchange.event.operation} ${exchange.event.request}`;
      expect(broken(exchange.answer, answer), asked).toEqual([]);
      expect(answer.status, asked).toBe(exchange.answer.status);
      for (const [before, now] of renamed(exchange.answer, answer)) names.set(before, now);
    }
  });

  test('has its runs in flight and in the queue brought to their end', async () => {
    const { from, running, queued, items } = readInFlight(minor);
    // Nothing was lost: the lease that was given then is not over.
    const doors = await openDoors(moto, 'in-flight', from + 30_000, items);
    const ask = async (door: 'deploy' | 'worker', operation: string, body: object, credential: object = {}) => {
      const { status, body: answer } = await doors.ask(door, {
        operation,
        request: JSON.stringify(body),
        ...credential,
      });
      if (status >= 300) throw new Error(`${operation}: ${status} ${JSON.stringify(answer)}`);
      return answer as Readonly<Record<string, unknown>>;
    };
    const tell = (operation: string, body: object = {}) => ask('worker', operation, body, { token: running.token });
    expect(await doors.round()).toEqual({});
    expect(await ask('deploy', 'getRun', { id: queued.id }, { runKey: queued.runKey })).toMatchObject({ position: 1 });

    await tell('phase', { phase: 'plan' });
    await tell('log', { seq: 1, lines: [{ phase: 'plan', text: 'Plan: 1 to add' }] });
    await tell('plan', { digest: 'b'.repeat(64), size: 1234 });
    await tell('phase', { phase: 'finish' });
    await tell('finish', { outcome: 'succeeded', hasChanges: true, state: { lineage: '5f0c', before: 3 } });
    expect(await ask('deploy', 'getLogs', { id: running.id }, { runKey: running.runKey })).toMatchObject({
      lines: [{ phase: 'init' }, { phase: 'plan', text: 'Plan: 1 to add' }],
      run: { planId: running.id },
      end: { state: 'succeeded', exitCode: 0 },
    });
    expect(await doors.ledger.receipt(running.id)).toMatchObject({ status: 'good' });

    doors.gone(running.id);
    const { [queued.id]: ticket } = await doors.round();
    expect(await ask('worker', 'claim', { run: queued.id, ticket })).toMatchObject({ run: queued.id, command: 'plan' });
    expect(verifyChain(await doors.ledger.audit(0, 100))).toMatchObject({ ok: true, seq: 6 });
  });
});
