import { beforeEach, describe, expect, test } from 'vitest';
import { newRunId } from '../../../invoker/secret.ts';
import { checkPolicy } from '../../../policies/check-policy.ts';
import { ok } from '../../../policies/contract/error.ts';
import type { Claimed } from '../../../policies/contract/worker.ts';
import { commitA } from '../sample-run.ts';
import { type ErrorAnswer, openPolicy, otherPolicy, type Plane, testPlane, times, tokens } from '../test-plane.ts';
import { claimRun, finished, must, source, type TestWorker, upload, workerOf } from '../test-worker.ts';

/** Every operation with a body that it takes, in an order in which a plan may tell them. */
const operations: Readonly<Record<string, object>> = {
  heartbeat: {},
  log: { seq: 0, lines: [] },
  source,
  phase: { phase: 'plan' },
  plan: upload,
  finish: finished,
};

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});

describe('claim', () => {
  const claim = <Body = ErrorAnswer>(run: string, ticket: string, nonce?: string) =>
    plane.ask<Body>('POST', '/worker/v1/claim', { body: { run, ticket, ...(nonce === undefined ? {} : { nonce }) } });

  test('trades the ticket for a token and all that the worker must know', async () => {
    const { run } = await plane.submit({ sha: commitA });
    const { claimed } = await claimRun(plane, run.id);
    expect(claimed).toMatchObject({
      run: run.id,
      command: 'plan',
      mode: 'normal',
      request: { command: 'plan', path: 'prod/vpc', ref: 'main', sha: commitA },
      repoName: 'infra-live',
      policy: { version: 1, repositories: { 'infra-live': { url: '/srv/infra-live.git' } } },
      asker: { planners: [] },
      commit: commitA,
      leaseMs: times.leaseMs,
      deadlineMs: 30 * 60_000,
    });
    expect((await plane.trail()).at(-1)?.event).toMatchObject({ kind: 'started', run: run.id });
    expect((await plane.shown(run.id)).state).toBe('running');
  });

  test('hands over the policy with the repository of the run, and no other', async () => {
    const [, otherRepositories = ''] = otherPolicy
      .replaceAll('/srv/infra-live', '/srv/another')
      .split('repositories:\n');
    plane.setPolicy(openPolicy + otherRepositories);
    const { run } = await plane.submit({ repo: 'another' });
    const { policy, asker } = (await claimRun(plane, run.id)).claimed;
    expect(checkPolicy(policy)).toMatchObject({ ok: true });
    expect(policy).toMatchObject({ repositories: { another: { url: '/srv/another.git' } } });
    expect(JSON.stringify(policy)).not.toContain('infra-live');
    expect(asker).toEqual({ planners: [] });
  });

  test.each([
    ['process', 30],
    ['fargate', 30],
    ['lambda', 12.5],
  ] as const)('gives a %s worker no more time than its platform does: %d minutes of 30', async (worker, minutes) => {
    plane = await testPlane({
      launcher: stub => ({ ...stub, choose: async () => ok({ worker, startMs: times.startMs }) }),
    });
    const { claimed } = await workerOf(plane);
    expect(claimed.deadlineMs).toBe(minutes * 60_000);
  });

  test('takes a ticket once, and from one worker only', async () => {
    const { run } = await plane.submit();
    await plane.round();
    const ticket = plane.tickets.get(run.id) ?? '';
    const answers = await Promise.all([claim(run.id, ticket), claim(run.id, ticket)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect((await claim(run.id, ticket)).status).toBe(401);
  });

  describe('whose answer got lost', () => {
    const [nonce, other] = ['n'.repeat(43), 'o'.repeat(43)];
    let run: string;
    let ticket: string;
    beforeEach(async () => {
      run = (await plane.submit()).run.id;
      await plane.round();
      ticket = plane.tickets.get(run) ?? '';
    });

    test('is answered again, and is one claim', async () => {
      const first = (await claim<Claimed>(run, ticket, nonce)).body;
      const stored = await plane.ledger.get(run);
      plane.clock.now += 1000;
      const again = (await claim<Claimed>(run, ticket, nonce)).body;
      expect(again).toEqual({ ...first, deadlineMs: first.deadlineMs - 1000 });
      expect(await plane.ledger.get(run)).toEqual(stored);
      expect(await plane.kinds(run)).toEqual(['accepted', 'started']);
      await must(plane.ask('POST', '/worker/v1/heartbeat', { token: again.token, body: {} }));
    });

    test('is answered the same where the door is still about the first', async () => {
      const answers = await Promise.all([1, 2, 3].map(() => claim<Claimed>(run, ticket, nonce)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(new Set(answers.map(({ body }) => body.token)).size).toBe(1);
      expect(await plane.kinds(run)).toEqual(['accepted', 'started']);
    });

    test('is nothing to whoever has its ticket alone', async () => {
      const { token } = (await claim<Claimed>(run, ticket, nonce)).body;
      for (const guess of [other, undefined]) expect((await claim(run, ticket, guess)).status).toBe(401);
      expect((await claim(run, 'made-up', nonce)).status).toBe(401);
      const stored = JSON.stringify(await plane.ledger.get(run));
      for (const secret of [ticket, nonce, token.split('.')[1]]) expect(stored).not.toContain(secret);
    });

    test('is refused once the worker was heard of, and once its lease is over', async () => {
      const { token } = (await claim<Claimed>(run, ticket, nonce)).body;
      plane.clock.now += times.leaseMs + 1;
      expect((await claim(run, ticket, nonce)).status).toBe(401);
      plane.clock.now -= times.leaseMs + 1;
      await must(plane.ask('POST', '/worker/v1/heartbeat', { token, body: {} }));
      expect((await claim(run, ticket, nonce)).status).toBe(401);
    });

    test.each(['', 'n'.repeat(21), 'n'.repeat(87), `${'n'.repeat(42)} `])('carries no nonce like `%s`', async poor => {
      expect((await claim(run, ticket, poor)).status).toBe(400);
    });
  });

  test('refuses a ticket that comes too late, before the keeper has seen that', async () => {
    const { run } = await plane.submit();
    await plane.round();
    plane.clock.now += times.startMs + 1;
    expect((await claim(run.id, plane.tickets.get(run.id) ?? '')).status).toBe(401);
    expect((await plane.shown(run.id)).state).toBe('starting');
  });

  test('refuses another ticket, that of another run, and one for a run that is not there, all alike', async () => {
    const [a, b] = [await plane.submit(), await plane.submit({ path: 'prod/app' })];
    await plane.round();
    const answers = [
      await claim(a.run.id, 'made-up'),
      await claim(a.run.id, plane.tickets.get(b.run.id) ?? ''),
      await claim(newRunId(), plane.tickets.get(b.run.id) ?? ''),
    ];
    for (const { status, text } of answers) expect([status, text]).toEqual([401, answers[0]?.text]);
    expect((await plane.shown(a.run.id)).state).toBe('starting');
  });

  test('refuses the ticket of a run that expired before', async () => {
    const { run } = await plane.submit();
    await plane.round();
    plane.clock.now += times.startMs + 1;
    await plane.round();
    expect((await claim(run.id, plane.tickets.get(run.id) ?? '')).status).toBe(401);
    expect((await plane.shown(run.id)).error?.code).toBe('E_WORKER_START');
  });
});

describe('the token of a run', () => {
  test.each(Object.entries(operations))('is needed for %s', async (operation, body) => {
    const [worker, other] = [await workerOf(plane), await workerOf(plane, { path: 'prod/app' })];
    const { runKey } = await plane.submit({ path: 'prod/x' });
    const secretOf = ({ token }: TestWorker) => token.split('.')[1];
    const wrong = [undefined, tokens.deploy, tokens.audit, runKey, `${worker.id}.${secretOf(other)}`, `${worker.id}.`];
    for (const token of wrong) {
      const sent = { body, ...(token === undefined ? {} : { token }) };
      const { status, body: answer } = await plane.ask<ErrorAnswer>('POST', `/worker/v1/${operation}`, sent);
      expect([status, answer.error.code]).toEqual([401, 'E_UNAUTHENTICATED']);
    }
  });

  test('is worth nothing at the other doors', async () => {
    const worker = await workerOf(plane);
    for (const url of [`/v1/runs/${worker.id}`, `/v1/runs/${worker.id}/logs`])
      expect((await plane.ask('GET', url, { token: worker.token })).status).toBe(404);
    for (const url of ['/v1/runs', '/v1/audit'])
      expect((await plane.ask('GET', url, { token: worker.token })).status).toBe(401);
    const body = { command: 'plan', path: 'prod/vpc', ref: 'main' };
    expect((await plane.ask('POST', '/v1/runs', { token: worker.token, body })).status).toBe(401);
  });

  test.each(Object.entries(operations))(
    'changes nothing any more by %s once the run is lost',
    async (operation, body) => {
      const worker = await workerOf(plane);
      await must(worker.tell('source', source));
      plane.clock.now += times.leaseMs + 1;
      await plane.round();
      const before = await plane.ledger.get(worker.id);
      expect(before?.state).toBe('lost');
      expect(await worker.refused(operation, body)).toEqual([409, 'E_RUN_ENDED']);
      expect(await plane.ledger.get(worker.id)).toEqual(before);
    },
  );
});

describe('the lease', () => {
  test.each(Object.entries(operations).filter(([name]) => name !== 'finish'))(
    'is renewed by %s',
    async (operation, body) => {
      const worker = await workerOf(plane);
      if (operation !== 'source') await must(worker.tell('source', source));
      plane.clock.now += times.leaseMs - 1;
      await must(worker.tell(operation, body));
      plane.clock.now += times.leaseMs;
      await plane.round();
      expect((await plane.shown(worker.id)).state).toBe('running');
      plane.clock.now += 1;
      await plane.round();
      expect((await plane.shown(worker.id)).state).toBe('lost');
    },
  );
});
