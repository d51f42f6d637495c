import { describe, expect, test, vi } from 'vitest';
import type { Launcher } from '../../invoker/ledger.ts';
import { ok, refuse } from '../../policies/contract/error.ts';
import type { Run, State } from '../../policies/contract/run.ts';
import { type Plane, type PlaneOptions, testPlane, times, tokens } from './test-plane.ts';
import { begin, claimRun, end, finished, must, planned, source, storePlan, workerOf } from './test-worker.ts';

/** A launcher that cannot do what `broken` says, beside one that can. */
const launcherWith = (broken: Partial<Launcher>) => (stub: Launcher) => ({ ...stub, ...broken });

async function planeWith(options: PlaneOptions = {}) {
  const plane = await testPlane(options);
  return {
    plane,
    shown: async (id: string) => (await plane.ask<Run>('GET', `/v1/runs/${id}`, { token: tokens.deploy })).body,
    state: async (id: string): Promise<State | undefined> => (await plane.ledger.get(id))?.state,
    started: () => [...plane.tickets.keys()],
    submit: async (path = 'prod/vpc') => (await plane.submit({ path })).run.id,
    ends: async (run: string) =>
      (await plane.trail())
        .filter(({ event }) => event.run === run && event.kind === 'ended')
        .map(({ event }) => event),
  };
}

describe('starting', () => {
  test('takes the first of each path in the order of arrival, and the next when its worker is gone', async () => {
    const { plane, submit, started } = await planeWith();
    const [a, b, c] = [await submit(), await submit('prod/app'), await submit()];
    await plane.round();
    await plane.round();
    expect(started()).toEqual([a, b]);
    const worker = await claimRun(plane, a);
    await begin(worker);
    await must(worker.tell('finish', finished));
    await plane.round();
    expect(started()).toEqual([a, b]);
    plane.gone.add(a);
    await plane.round();
    expect(started()).toEqual([a, b, c]);
  });

  test('never has more workers than there is room for', async () => {
    const { plane, submit, started } = await planeWith({ workers: 2 });
    const [a, b, c] = [await submit('prod/a'), await submit('prod/b'), await submit('prod/c')];
    await plane.round();
    expect(started()).toEqual([a, b]);
    await end(plane, await claimRun(plane, b), { outcome: 'failed' });
    expect(started()).toEqual([a, b, c]);
  });

  test('happens once for each run when two rounds run at once', async () => {
    const { plane, submit } = await planeWith({
      launcher: launcherWith({
        start: async run => {
          starts.push(run.id);
          return undefined;
        },
      }),
    });
    const starts: string[] = [];
    const ids = [await submit('prod/a'), await submit('prod/b'), await submit('prod/c')];
    await Promise.all([plane.round(), plane.round(), plane.round()]);
    expect(starts.sort()).toEqual(ids.sort());
  });

  test('stores the digest of the ticket, never the ticket', async () => {
    const { plane, submit } = await planeWith();
    const id = await submit();
    await plane.round();
    const ticket = plane.tickets.get(id) ?? 'no ticket';
    expect(ticket).toHaveLength(43);
    expect(JSON.stringify(await plane.ledger.get(id))).not.toContain(ticket);
  });
});

describe('a worker that never was', () => {
  test('fails its run at once when the launcher says so, and frees the path', async () => {
    const { plane, submit, shown, ends } = await planeWith({
      launcher: launcherWith({ start: async () => ({ failed: 'no room' }) }),
    });
    const [a, b] = [await submit(), await submit()];
    await plane.round();
    expect(await shown(a)).toMatchObject({
      state: 'failed',
      error: { code: 'E_WORKER_START', message: 'the worker could not be started: no room' },
    });
    expect(await plane.ledger.get(a)).toMatchObject({ occupied: false });
    expect(await ends(a)).toMatchObject([{ state: 'failed', code: 'E_WORKER_START' }]);
    await plane.round();
    expect((await shown(b)).state).toBe('failed');
  });

  test('leaves a run canceled that was canceled while it was being started', async () => {
    const { plane, submit, shown, ends } = await planeWith({
      launcher: launcherWith({
        start: async run => {
          await plane.ask('POST', `/v1/runs/${run.id}/cancel`, { token: tokens.deploy });
          return { failed: 'no room' };
        },
      }),
    });
    const id = await submit();
    await plane.round();
    expect((await shown(id)).state).toBe('canceled');
    expect(await plane.ledger.get(id)).toMatchObject({ occupied: false });
    expect(await ends(id)).toEqual([]);
  });

  test.each<[string, Partial<Launcher>]>([
    ['does not claim its run', {}],
    ['was never started, because the server died just before', { start: () => Promise.reject(new Error('power cut')) }],
  ])('fails its run after one lease when it %s', async (_, broken) => {
    const { plane, submit, state, shown, ends } = await planeWith({ launcher: launcherWith(broken) });
    const id = await submit();
    await plane.round().catch(() => {});
    plane.clock.now += times.startMs;
    await plane.round();
    expect(await state(id)).toBe('starting');
    plane.clock.now += 1;
    plane.gone.add(id);
    await plane.round();
    expect((await shown(id)).error).toMatchObject({ code: 'E_WORKER_START' });
    expect(await plane.ledger.get(id)).toMatchObject({ state: 'failed', occupied: false });
    expect((await ends(id)).length).toBe(1);
  });
});

describe('a worker that did not come but may come later', () => {
  const throttled = async () => ({ failed: 'throttled', again: true }) as const;
  /** Starts fail while the weather is bad. */
  const flaky = async () => {
    const weather = { isGood: false };
    const made = await planeWith({
      workers: 1,
      launcher: stub => ({
        ...stub,
        start: async (run, ticket) => (weather.isGood ? stub.start(run, ticket) : throttled()),
      }),
    });
    return { ...made, weather };
  };

  test('sends its run back to its place in the queue, and is tried again when it is time', async () => {
    const { plane, submit, state, started, weather, ends } = await flaky();
    const [a, b, c] = [await submit(), await submit(), await submit('prod/app')];
    await plane.round();
    expect([await state(a), await state(b)]).toEqual(['queued', 'queued']);
    weather.isGood = true;
    plane.clock.now += 4999;
    await plane.round();
    expect(started()).toEqual([c]);
    plane.gone.add(c);
    await plane.ask('POST', `/v1/runs/${c}/cancel`, { token: tokens.deploy });
    plane.clock.now += 1;
    await plane.round();
    expect(started()).toEqual([c, a]);
    await claimRun(plane, a);
    expect([await state(a), await state(b), await ends(a)]).toEqual(['running', 'queued', []]);
  });

  test('can be canceled while it waits', async () => {
    const { plane, submit, state, weather } = await flaky();
    const id = await submit();
    await plane.round();
    await plane.ask('POST', `/v1/runs/${id}/cancel`, { token: tokens.deploy });
    weather.isGood = true;
    plane.clock.now += 60_000;
    await plane.round();
    expect(await state(id)).toBe('canceled');
    expect(await plane.ledger.open()).toEqual([]);
  });

  test('fails its run when it did not come for too long, told to operators each time and to auditors once', async () => {
    const { plane, submit, shown, ends } = await flaky();
    const id = await submit();
    for (let minute = 0; minute < 11; minute++) {
      await plane.round();
      plane.clock.now += 60_000;
    }
    expect(await shown(id)).toMatchObject({ state: 'failed', error: { code: 'E_WORKER_START' } });
    expect((await shown(id)).error?.message).toMatch(/^the worker could not be started, tried 11 times: throttled$/);
    expect(plane.reports).toEqual(Array(11).fill({ event: 'start-failed', run: id, words: 'throttled' }));
    expect(await ends(id)).toMatchObject([{ state: 'failed', code: 'E_WORKER_START' }]);
  });

  test('is found by looking for it, and its old ticket is worth nothing then', async () => {
    const stopped = new Map<string, { failed: string; again?: true }>();
    const { plane, submit, state, shown } = await planeWith({
      launcher: launcherWith({ look: async ({ id }) => stopped.get(id) }),
    });
    const [a, b] = [await submit(), await submit('prod/app')];
    await plane.round();
    const ticket = plane.tickets.get(a);
    stopped.set(a, { failed: 'spot\ninterruption', again: true }).set(b, { failed: 'no image' });
    await plane.round();
    expect([await state(a), await state(b)]).toEqual(['queued', 'failed']);
    expect((await shown(b)).error?.message).toBe('the worker could not be started: no image');
    expect(plane.reports.map(({ words }) => words)).toEqual(['spot interruption', 'no image']);
    const claimed = await plane.ask('POST', '/worker/v1/claim', { body: { run: a, ticket } });
    expect(claimed.status).toBe(401);
    stopped.clear();
    plane.clock.now += 5000;
    await claimRun(plane, a);
    expect(await state(a)).toBe('running');
  });

  test('keeps its run when it claims in the very moment in which it is given up', async () => {
    const { plane, submit, state } = await planeWith({
      launcher: launcherWith({
        look: async run => {
          await plane.ask('POST', '/worker/v1/claim', { body: { run: run.id, ticket: plane.tickets.get(run.id) } });
          return { failed: 'stopped', again: true };
        },
      }),
    });
    const id = await submit();
    await plane.round();
    await plane.round();
    expect(await state(id)).toBe('running');
    expect(await plane.ledger.get(id)).toMatchObject({ occupied: true });
  });

  test('is still waited for no longer than its lease when nobody can look for it', async () => {
    const { plane, submit, state } = await planeWith({
      launcher: launcherWith({ look: () => Promise.reject(new Error('throttled')) }),
    });
    const id = await submit();
    await plane.round();
    plane.clock.now += times.startMs + 1;
    await expect(plane.round()).rejects.toThrow('throttled');
    expect(await state(id)).toBe('failed');
    expect(plane.reports).toMatchObject([{ event: 'start-failed', run: id }]);
  });
});

test('a run that nothing here can run fails in the words of the launcher, and holds up no other', async () => {
  const { plane, submit, shown, state, ends } = await planeWith({
    launcher: stub => ({
      ...stub,
      choose: async (run, busy) =>
        run.request.path === 'prod/vpc'
          ? refuse('E_WORKER_START', 'there are no such workers')
          : stub.choose(run, busy),
    }),
  });
  const [a, b] = [await submit(), await submit('prod/app')];
  await plane.round();
  expect(await shown(a)).toMatchObject({ state: 'failed', error: { message: 'there are no such workers' } });
  expect([await state(b), (await plane.ledger.get(a))?.occupied]).toEqual(['starting', false]);
  expect(await ends(a)).toMatchObject([{ code: 'E_WORKER_START' }]);
  expect(plane.reports).toEqual([{ event: 'start-failed', run: a, words: 'there are no such workers' }]);
});

describe('a run that the launcher has no room for', () => {
  /** One at a time, but for `prod/free`. */
  const narrow = launcherWith({
    choose: async ({ request }, busy) =>
      request.path !== 'prod/free' && busy.length > 0 ? ok('later') : ok({ worker: 'process', startMs: times.startMs }),
  });

  test('waits for it in the queue, and takes none from others', async () => {
    const { plane, submit, shown, started } = await planeWith({ launcher: narrow, workers: 2 });
    const [a, b, c] = [await submit(), await submit('prod/app'), await submit('prod/free')];
    await plane.round();
    expect(started()).toEqual([a, c]);
    expect(await plane.ledger.get(b)).toMatchObject({ state: 'queued', version: 0 });
    for (const id of [a, c]) await end(plane, await claimRun(plane, id), { outcome: 'failed' });
    expect([await shown(b), plane.reports]).toMatchObject([{ state: 'starting' }, []]);
  });

  test('gets what is freed in the same round', async () => {
    const { plane, submit, state } = await planeWith({ launcher: narrow });
    const worker = await workerOf(plane);
    const waiting = [await submit('prod/a'), await submit('prod/b')];
    await must(worker.tell('finish', { outcome: 'failed' }));
    plane.gone.add(worker.id);
    await plane.round();
    expect(await Promise.all(waiting.map(state))).toEqual(['starting', 'queued']);
  });
});

test('a start that others crowded out is no failure, however often', async () => {
  const { plane, submit, state } = await planeWith({
    launcher: launcherWith({ look: async () => ({ failed: 'no room', again: true, isCrowded: true }) }),
  });
  const id = await submit();
  for (let tries = 0; tries < 20; tries += 1) {
    await plane.round();
    expect(await state(id)).toBe('starting');
    await plane.round();
    expect(await state(id)).toBe('queued');
    plane.clock.now += 60_000;
  }
  expect(plane.reports).toEqual([]);
});

describe('a worker that is not heard of', () => {
  test('loses its run after one lease, which holds its path until the worker is gone', async () => {
    const { plane, submit, state, started, ends } = await planeWith();
    const { id } = await workerOf(plane);
    const next = await submit();
    plane.clock.now += times.leaseMs;
    await plane.round();
    expect(await state(id)).toBe('running');
    plane.clock.now += 1;
    await plane.round();
    expect([await state(id), started()]).toEqual(['lost', [id]]);
    expect(await ends(id)).toMatchObject([{ state: 'lost', code: 'E_LOST' }]);
    expect(plane.reports).toMatchObject([{ event: 'lost', run: id }]);
    plane.gone.add(id);
    await plane.round();
    expect(started()).toEqual([id, next]);
  });

  test('is believed for one more lease when the clock was set back, and no longer', async () => {
    const { plane, state } = await planeWith();
    const { id } = await workerOf(plane);
    plane.clock.now -= 3_600_000;
    await plane.round();
    plane.clock.now += times.leaseMs;
    await plane.round();
    expect(await state(id)).toBe('running');
    expect(await plane.kinds(id)).toEqual(['accepted', 'started']);
    plane.clock.now += 1;
    await plane.round();
    expect(await state(id)).toBe('lost');
  });

  test('keeps its run in a round that may let nothing expire', async () => {
    const { plane, state, started } = await planeWith();
    const { id } = await workerOf(plane);
    const waiting = (await plane.submit({ path: 'prod/app' })).run.id;
    plane.clock.now += times.leaseMs + 1;
    await plane.round(false);
    expect([await state(id), started()]).toEqual(['running', [id, waiting]]);
    await plane.round(true);
    expect(await state(id)).toBe('lost');
  });

  test('keeps its run as long as it is heard of in time', async () => {
    const { plane, state } = await planeWith();
    const worker = await workerOf(plane);
    for (let beat = 0; beat < 10; beat++) {
      plane.clock.now += times.leaseMs;
      await plane.round();
      await must(worker.tell('heartbeat', {}));
    }
    expect(await state(worker.id)).toBe('running');
  });

  test('is ended with its run when it goes on past its deadline', async () => {
    const { plane, state, ends } = await planeWith();
    const worker = await workerOf(plane);
    const last = plane.clock.now + worker.claimed.deadlineMs + times.overtimeMs;
    while (plane.clock.now < last) {
      plane.clock.now = Math.min(last, plane.clock.now + times.leaseMs);
      await must(worker.tell('heartbeat', {}));
      await plane.round();
    }
    expect(await state(worker.id)).toBe('running');
    plane.clock.now += 1;
    await plane.round();
    expect(await state(worker.id)).toBe('timed_out');
    expect(await ends(worker.id)).toMatchObject([{ state: 'timed_out', code: 'E_TIMED_OUT' }]);
  });
});

describe('a run that has ended', () => {
  test('is settled until its worker is gone, and then never again', async () => {
    const settled: string[] = [];
    const { plane } = await planeWith({
      launcher: stub => ({
        ...stub,
        settle: async run => {
          settled.push(run.id);
          return stub.settle(run);
        },
      }),
    });
    const worker = await workerOf(plane);
    await plane.round();
    expect(settled).toEqual([]);
    await begin(worker);
    await must(worker.tell('finish', finished));
    for (let round = 0; round < 2; round++) await plane.round();
    plane.gone.add(worker.id);
    for (let round = 0; round < 3; round++) await plane.round();
    expect(settled).toEqual([worker.id, worker.id, worker.id]);
    expect(await plane.ledger.open()).toEqual([]);
  });

  test('is archived before its path is free, and frees it also when that fails', async () => {
    const archived: string[] = [];
    const { plane, submit, started } = await planeWith({
      archive: async run => {
        archived.push(`${run.id} ${run.occupied}`);
        throw new Error('no room for logs');
      },
    });
    const worker = await workerOf(plane);
    const next = await submit();
    await must(worker.tell('finish', { outcome: 'failed' }));
    await plane.round();
    expect(archived).toEqual([]);
    plane.gone.add(worker.id);
    await expect(plane.round()).rejects.toThrow('no room for logs');
    expect([archived, started()]).toEqual([[`${worker.id} true`], [worker.id, next]]);
    await plane.round();
    expect(archived.length).toBe(1);
  });

  /** Two of these, and their workers gone. */
  const leftBehind = async (plane: Plane) => {
    const workers = [await workerOf(plane, { path: 'prod/a' }), await workerOf(plane, { path: 'prod/b' })] as const;
    for (const worker of workers) {
      await must(worker.tell('finish', { outcome: 'failed' }));
      plane.gone.add(worker.id);
    }
    return workers.map(({ id }) => id);
  };

  test('holds up nobody with what is left of it, neither another path nor the next run of its own', async () => {
    const atArchive: string[][] = [];
    const { plane, submit, started } = await planeWith({
      archive: async () => {
        atArchive.push(started());
      },
    });
    const ended = await leftBehind(plane);
    const [next, other] = [await submit('prod/a'), await submit()];
    await plane.round();
    expect(atArchive).toEqual([
      [...ended, other],
      [...ended, other, next],
    ]);
  });

  test('is left to the next round when this one has gone on for long', async () => {
    const { plane, submit, state } = await planeWith({
      cleaningMs: 60_000,
      archive: async () => {
        plane.clock.now += 60_000;
      },
    });
    const ended = await leftBehind(plane);
    const next = await submit('prod/a');
    const left = async () => (await plane.ledger.open()).map(({ id }) => id);
    await plane.round();
    expect([await left(), await state(next)]).toEqual([[ended[1], next], 'starting']);
    await plane.round();
    expect(await left()).toEqual([next]);
  });

  test('has the plans looked through once for all that have, if at all', async () => {
    const { plane } = await planeWith();
    const list = vi.spyOn(plane.plans, 'list');
    await leftBehind(plane);
    for (let round = 0; round < 3; round++) await plane.round();
    expect(list).toHaveBeenCalledTimes(1);
  });

  test('takes its plan with it when that was used, and only then', async () => {
    const { plane } = await planeWith();
    const planId = await planned(plane);
    const refused = await workerOf(plane, { command: 'apply', planId });
    await end(plane, refused, { outcome: 'failed' });
    expect(await plane.plans.has(planId)).toBe(true);
    const worker = await workerOf(plane, { command: 'apply', planId });
    await must(worker.tell('source', source));
    await must(worker.tell('phase', { phase: 'apply' }));
    await end(plane, worker, { outcome: 'succeeded' });
    expect(await plane.plans.has(planId)).toBe(false);
  });

  test('takes with it every plan that nobody can apply any more, and no other', async () => {
    const { plane } = await planeWith();
    const kept = async (...ids: readonly string[]) => {
      const list = await plane.plans.list();
      return ids.map(id => list.includes(id));
    };
    const settleSomething = async () => end(plane, await workerOf(plane, { path: 'staging/x' }), { outcome: 'failed' });
    const old = await planned(plane, { path: 'staging/old' });
    plane.clock.now += 3_600_000;
    const [used, sibling] = [await planned(plane), await planned(plane)];
    const failed = await workerOf(plane, { path: 'prod/failed' });
    await begin(failed);
    await storePlan(plane, failed);
    await end(plane, failed, { outcome: 'failed' });
    expect(await kept(old, used, sibling, failed.id)).toEqual([true, true, true, false]);
    const apply = await workerOf(plane, { command: 'apply', planId: used });
    await begin(apply);
    expect(await kept(used, sibling)).toEqual([true, true]);
    await end(plane, apply, { outcome: 'failed' });
    expect(await kept(old, used, sibling)).toEqual([true, false, false]);
    plane.clock.now += 23 * 3_600_000 - 1;
    await settleSomething();
    expect(await kept(old)).toEqual([true]);
    plane.clock.now += 1;
    const running = await workerOf(plane);
    await begin(running);
    await storePlan(plane, running);
    await settleSomething();
    expect(await kept(old, running.id)).toEqual([false, true]);
    await end(plane, running, finished);
    expect(await kept(running.id)).toEqual([true]);
  });

  test('leaves a plan alone whose run ends in the very moment in which it is looked at', async () => {
    let meanwhile = async () => {};
    const { plane } = await planeWith({
      ledger: real => ({
        ...real,
        get: async id => {
          const run = await real.get(id);
          await meanwhile();
          return run;
        },
        receipt: async id => {
          const receipt = await real.receipt(id);
          await meanwhile();
          return receipt;
        },
      }),
    });
    const [ended, ending] = [await workerOf(plane, { path: 'prod/app' }), await workerOf(plane)];
    await must(ended.tell('finish', { outcome: 'failed' }));
    plane.gone.add(ended.id);
    await begin(ending);
    await storePlan(plane, ending);
    meanwhile = async () => {
      meanwhile = async () => {};
      await must(ending.tell('finish', finished));
    };
    await plane.round();
    expect(await plane.ledger.receipt(ending.id)).toMatchObject({ status: 'good' });
    expect(await plane.plans.has(ending.id)).toBe(true);
  });

  test('was canceled before anything of it began, and leaves nothing to do', async () => {
    const { plane, submit } = await planeWith({ workers: 1 });
    const [, waiting] = [await submit('prod/a'), await submit('prod/b')];
    await plane.round();
    await plane.ask('POST', `/v1/runs/${waiting}/cancel`, { token: tokens.deploy });
    expect((await plane.ledger.open()).map(({ id }) => id)).not.toContain(waiting);
  });
});

describe('one run that cannot be helped', () => {
  const bad = 'prod/bad';
  const cannot = async (run: { request: { path: string } }, or: () => Promise<never>) => {
    if (run.request.path === bad) await or();
  };
  const fail = () => Promise.reject(new Error('permission denied'));

  test('holds up no other when its worker cannot be ended, and the round fails', async () => {
    const { plane, submit, state } = await planeWith({
      launcher: stub => ({
        ...stub,
        settle: async run => {
          await cannot(run, fail);
          return stub.settle(run);
        },
      }),
    });
    const [worst, ended] = [await workerOf(plane, { path: bad }), await workerOf(plane)];
    for (const worker of [worst, ended]) await must(worker.tell('finish', { outcome: 'failed' }));
    plane.gone.add(worst.id).add(ended.id);
    const next = await submit();
    await expect(plane.round()).rejects.toThrow('permission denied');
    expect([await state(next), (await plane.ledger.get(worst.id))?.occupied]).toEqual(['starting', true]);
  });

  test('is tried once in a round when it cannot be started, however many paths are freed meanwhile', async () => {
    const tried: string[] = [];
    const { plane, submit } = await planeWith({
      launcher: stub => ({
        ...stub,
        choose: async (run, busy) => {
          tried.push(run.id);
          await cannot(run, fail);
          return stub.choose(run, busy);
        },
      }),
    });
    const ended = await workerOf(plane);
    await must(ended.tell('finish', { outcome: 'failed' }));
    plane.gone.add(ended.id);
    const worst = await submit(bad);
    await expect(plane.round()).rejects.toThrow('permission denied');
    expect(tried).toEqual([ended.id, worst]);
  });

  test('holds up no other when its worker cannot be started, and the round fails', async () => {
    const { plane, submit, state } = await planeWith({
      launcher: stub => ({
        ...stub,
        start: async (run, ticket) => {
          await cannot(run, fail);
          return stub.start(run, ticket);
        },
      }),
    });
    const [, next] = [await submit(bad), await submit()];
    await expect(plane.round()).rejects.toThrow('permission denied');
    await claimRun(plane, next);
    expect(await state(next)).toBe('running');
  });
});

test('a round that finds nothing to do writes nothing', async () => {
  const plane: Plane = await testPlane();
  await workerOf(plane);
  const before = [await plane.ledger.list({ limit: 9 }), await plane.trail()];
  await plane.round();
  expect([await plane.ledger.list({ limit: 9 }), await plane.trail()]).toEqual(before);
});
