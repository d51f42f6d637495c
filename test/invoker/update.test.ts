import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, test } from 'vitest';
import { ledgerTables, sqliteLedger } from '../../invoker/embedded/sqlite-ledger.ts';
import type { Ledger } from '../../invoker/ledger.ts';
import type { RunRecord } from '../../invoker/run.ts';
import { deriveKeys } from '../../invoker/secret.ts';
import { update } from '../../invoker/update.ts';
import { ok, refuse } from '../../policies/contract/error.ts';
import { queuedRun, t0 } from './sample-run.ts';

let ledger: Ledger;
let run: RunRecord;
beforeEach(async () => {
  const database = new DatabaseSync(':memory:');
  database.exec(ledgerTables);
  ledger = sqliteLedger({ database, keys: deriveKeys(new Uint8Array(32)), now: () => t0 });
  run = (await ledger.create(queuedRun(), { kind: 'accepted', caller: 'deploy token' })).run;
});

describe('update', () => {
  test('starts again from what somebody else has made of the run', async () => {
    const seen: boolean[] = [];
    const result = await update(ledger, run.id, async current => {
      seen.push(current.cancelRequested);
      if (seen.length === 1) await ledger.transition(current.version, { ...current, cancelRequested: true });
      return ok({ ...current, keepPlan: true });
    });
    expect(seen).toEqual([false, true]);
    expect(result).toMatchObject({ ok: true, value: { version: 2, cancelRequested: true, keepPlan: true } });
  });

  test('gives up when somebody else has made the step impossible', async () => {
    let tries = 0;
    const result = await update(ledger, run.id, async current => {
      if (current.state === 'canceled') return refuse('E_RUN_ENDED', 'too late');
      tries += 1;
      await ledger.transition(current.version, { ...current, state: 'canceled' });
      return ok({ ...current, keepPlan: true });
    });
    expect([tries, result]).toEqual([1, refuse('E_RUN_ENDED', 'too late')]);
    expect(await ledger.get(run.id)).toMatchObject({ state: 'canceled', keepPlan: false });
  });

  test('stores nothing for a step that changes nothing, and counts an effect once', async () => {
    expect(await update(ledger, run.id, ok, () => ({ audit: { kind: 'cancel', caller: 'x' } }))).toEqual(ok(run));
    expect((await ledger.audit(0, 9)).length).toBe(1);
    const changed = (current: RunRecord) => ok({ ...current, keepPlan: true });
    await update(ledger, run.id, changed, (next, before) => ({
      audit: { kind: 'cancel', caller: `${before.keepPlan} ${next.keepPlan}` },
    }));
    expect((await ledger.audit(1, 9)).map(({ event }) => event.caller)).toEqual(['false true']);
  });

  test('refuses a run that is not there, and a receipt that is not good', async () => {
    expect(await update(ledger, 'r_none', ok)).toMatchObject({ problem: { code: 'E_NOT_FOUND' } });
    const spend = await update(
      ledger,
      run.id,
      current => ok({ ...current, keepPlan: true }),
      () => ({ spend: 'r_none' }),
    );
    expect(spend).toMatchObject({ problem: { code: 'E_PLAN_USED' } });
  });
});
