/** What every ledger must do, whatever it is built on. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cleanReport } from '../../invoker/clean-report.ts';
import type { Ledger } from '../../invoker/ledger.ts';
import { type RunRecord, release, requeue } from '../../invoker/run.ts';
import { newRunId } from '../../invoker/secret.ts';
import { verifyChain } from '../../policies/audit-chain.ts';
import type { AuditEntry, AuditEvent } from '../../policies/contract/audit-entry.ts';
import type { Receipt } from '../../policies/contract/receipt.ts';
import { receiptText } from '../../policies/receipt.ts';
import { gitlabAsker } from '../support/asker.ts';
import { commitA, commitB, onceFor, queuedRun, runIn, t0 } from './sample-run.ts';

export interface LedgerUnderTest {
  readonly ledger: Ledger;
  /** Whether this is the code that the ledger makes of a text, for an audit entry or for a receipt. */
  readonly isMac: (purpose: 'audit' | 'receipt', mac: string, text: string) => Promise<boolean>;
  /** The same ledger as somebody finds it after the machine lost its power in this instant. */
  readonly afterPowerCut?: () => Promise<Ledger>;
  readonly close: () => void;
}

const event = (run: RunRecord, kind: AuditEvent['kind'] = 'accepted'): AuditEvent => ({
  kind,
  caller: run.caller,
  run: run.id,
});
/** As long as can be written with this many characters, and nothing in it repeats. */
const unlikeAnything = (characters: number): string =>
  Array.from(randomBytes(2 * characters).toString('utf16le'), character =>
    /\p{L}/u.test(character) ? character : '語',
  )
    .join('')
    .slice(0, characters);

/** Cannot be written down by anybody. */
const unwritable = (run: RunRecord): AuditEvent => ({
  ...event(run),
  get rule(): string {
    throw new Error('no room left');
  },
});
const receiptOf = (run: RunRecord): Receipt => ({
  planId: run.id,
  repo: run.repo,
  path: run.request.path,
  ref: 'refs/heads/main',
  commit: commitA,
  mode: 'normal',
  planDigest: 'd'.repeat(64),
  planSize: 1,
  tool: { binary: 'terraform', version: '1.11.4' },
  caller: run.caller,
  createdAt: new Date(t0).toISOString(),
  expiresAt: new Date(t0 + 1000).toISOString(),
});

export function ledgerContract(name: string, make: () => Promise<LedgerUnderTest>): void {
  let made: LedgerUnderTest;
  let ledger: Ledger;
  beforeEach(async () => {
    made = await make();
    ledger = made.ledger;
  });
  afterEach(() => made.close());

  const areSigned = async (entries: readonly AuditEntry[]) =>
    (await Promise.all(entries.map(({ mac, hash }) => made.isMac('audit', mac, hash)))).every(Boolean);
  const create = async (run = queuedRun()) => (await ledger.create(run, event(run))).run;
  const next = async (run: RunRecord, effects = {}) => {
    const stored = await ledger.transition(run.version, run, effects);
    if (typeof stored === 'string') throw new Error(stored);
    return stored;
  };
  const trail = (of = ledger) => of.audit(0, 1000);
  /** A good receipt of the path of `run`. */
  const planned = async (run = queuedRun()) => {
    const plan = await create(run);
    await next({ ...plan, state: 'succeeded' }, { receipt: receiptOf(plan) });
    return plan.id;
  };
  const status = async (planId: string) => (await ledger.receipt(planId))?.status;

  describe(`${name}: a new run`, () => {
    test('is answered as it is stored, at version 0 and with its place in the order of arrival', async () => {
      const run = queuedRun({ sha: commitA, wanted: commitA });
      const { run: stored, created } = await ledger.create(run, event(run));
      expect([stored, created]).toEqual([{ ...run, seq: stored.seq, version: 0 }, true]);
      expect(await ledger.get(run.id)).toEqual(stored);
      expect((await create()).seq).toBeGreaterThan(stored.seq);
      expect(await ledger.get('r_none')).toBeUndefined();
    });

    test('is stored once for all that are asked for alike', async () => {
      const requestId = 'job-302-plan';
      const first = queuedRun({ requestId });
      const again = queuedRun({ requestId, path: 'prod/app' });
      const other = queuedRun({ requestId, caller: 'somebody else' });
      const answers = [];
      for (const run of [first, again, other]) answers.push(await ledger.create(run, event(run)));
      expect(answers.map(({ run, created }) => [run.id, created])).toEqual([
        [first.id, true],
        [first.id, false],
        [other.id, true],
      ]);
      expect(await ledger.get(again.id)).toBeUndefined();
      expect((await trail()).map(({ event: { run } }) => run)).toEqual([first.id, other.id]);
      expect((await ledger.asked(onceFor(first.caller, requestId)))?.id).toBe(first.id);
      expect((await ledger.asked(onceFor(other.caller, requestId)))?.id).toBe(other.id);
      expect(await ledger.asked(onceFor(first.caller, 'another-id'))).toBeUndefined();
      expect(await ledger.asked(onceFor('a third', requestId))).toBeUndefined();
    });

    test('is stored once for all that are asked for alike at once', async () => {
      const runs = Array.from({ length: 5 }, () => queuedRun({ requestId: 'job-302-plan' }));
      const answers = await Promise.all(runs.map(run => ledger.create(run, event(run))));
      expect(answers.filter(({ created }) => created).length).toBe(1);
      expect(new Set(answers.map(({ run }) => run.id)).size).toBe(1);
      expect(await ledger.list({ limit: 9 })).toEqual([answers[0]?.run]);
      expect((await trail()).length).toBe(1);
    });

    test('that is like no other is always a new one', async () => {
      expect((await create()).id).not.toBe((await create()).id);
      expect((await ledger.list({ limit: 9 })).length).toBe(2);
    });

    test('is not there without its audit entry', async () => {
      const run = queuedRun({ requestId: 'job-302-plan' });
      await expect(ledger.create(run, unwritable(run))).rejects.toThrow('no room left');
      expect(await ledger.get(run.id)).toBeUndefined();
      expect(await ledger.asked(onceFor(run.caller, 'job-302-plan'))).toBeUndefined();
      expect(await trail()).toEqual([]);
      expect((await ledger.create(run, event(run))).created).toBe(true);
    });
  });

  describe(`${name}: a transition`, () => {
    test('stores the run one version on', async () => {
      const run = await create();
      const stored = await ledger.transition(0, { ...run, cancelRequested: true });
      expect(stored).toEqual({ ...run, cancelRequested: true, version: 1 });
      expect(await ledger.get(run.id)).toEqual(stored);
    });

    test('is refused from an older or newer version, with all that belongs to it', async () => {
      const run = await next(await create());
      const before = await trail();
      for (const version of [0, 2]) {
        const effects = { audit: event(run, 'ended'), receipt: receiptOf(run) };
        expect(await ledger.transition(version, { ...run, cancelRequested: true }, effects)).toBe('conflict');
      }
      expect(await ledger.get(run.id)).toEqual(run);
      expect(await ledger.receipt(run.id)).toBeUndefined();
      expect(await trail()).toEqual(before);
    });

    test('is won by one of two that start from the same version', async () => {
      const run = await create();
      const answers = await Promise.all(
        [1, 2, 3].map(() => ledger.transition(0, run, { audit: event(run, 'started') })),
      );
      expect(answers.filter(answer => answer === 'conflict').length).toBe(2);
      expect((await trail()).length).toBe(2);
    });

    test('that belongs to nothing else is won by one of two, too', async () => {
      const run = await create();
      const nexts = [1, 2, 3].map(n => ({ ...run, deadline: n }));
      const answers = await Promise.all(nexts.map(next => ledger.transition(0, next)));
      expect(answers.filter(answer => answer === 'conflict').length).toBe(2);
      expect([await ledger.get(run.id)]).toEqual(answers.filter(answer => answer !== 'conflict'));
    });

    test('that lets a run occupy its path is a conflict while another one does', async () => {
      const [first, second] = [await create(), await create()];
      const elsewhere = await create(queuedRun({ path: 'prod/app' }));
      const held = await next({ ...first, occupied: true });
      const taken = { audit: event(second, 'started'), receipt: receiptOf(second) };
      expect(await ledger.transition(0, { ...second, occupied: true }, taken)).toBe('conflict');
      expect(await ledger.get(second.id)).toEqual(second);
      expect(await ledger.receipt(second.id)).toBeUndefined();
      expect(await next({ ...elsewhere, occupied: true })).toMatchObject({ occupied: true });
      expect(await next({ ...held, cancelRequested: true })).toMatchObject({ occupied: true, version: 2 });
      expect(await next({ ...second, cancelRequested: true })).toMatchObject({ occupied: false, version: 1 });
      await next({ ...release(held), version: 2 });
      expect(await next({ ...second, version: 1, occupied: true })).toMatchObject({ occupied: true, version: 2 });
      expect((await trail()).map(({ event: { kind } }) => kind)).not.toContain('started');
    });

    test('lets one of many occupy a path that want it at once', async () => {
      const runs = [await create(), await create(), await create(), await create()];
      const answers = await Promise.all(runs.map(run => ledger.transition(0, { ...run, occupied: true })));
      expect(answers.filter(answer => answer === 'conflict').length).toBe(3);
      expect((await ledger.open()).filter(({ occupied }) => occupied).length).toBe(1);
    });

    test('frees a path once, when two see at once that its worker is gone', async () => {
      const run = await next({ ...(await create()), occupied: true });
      const answers = await Promise.all([1, 2].map(() => ledger.transition(1, release(run))));
      expect(answers.filter(answer => answer === 'conflict').length).toBe(1);
      expect(await ledger.get(run.id)).toMatchObject({ occupied: false, version: 2 });
    });

    test('stores the longest end that a worker may tell, and what a long request has asked for', async () => {
      const replace = Array.from({ length: 15 }, () => unlikeAnything(1000));
      const run = await create(queuedRun({ replace }));
      const changes = Array.from({ length: 200 }, () => ({
        address: unlikeAnything(1024),
        action: 'replace' as const,
      }));
      const [message, fix] = [unlikeAnything(4096), unlikeAnything(4096)];
      const report = cleanReport({ outcome: 'failed', error: { code: 'E_TERRAFORM', message, fix }, changes });
      const ended: RunRecord = { ...run, state: 'failed', ...report.error, changes: report.changes ?? [] };
      expect(ended.changes?.length).toBeGreaterThan(30);
      expect(await next(ended, { audit: event(run, 'ended') })).toEqual({ ...ended, version: 1 });
      expect(await ledger.get(run.id)).toEqual({ ...ended, version: 1 });
    });

    test('of a run that is not there is a conflict', async () => {
      expect(await ledger.transition(0, queuedRun())).toBe('conflict');
    });

    test('stores nothing when one part of it fails', async () => {
      const run = await create(queuedRun({ id: `${await planned()}x` }));
      const before = await trail();
      const changed = { ...run, cancelRequested: true };
      await expect(ledger.transition(0, changed, { audit: unwritable(run) })).rejects.toThrow('no room left');
      const receipt = receiptOf(run);
      const effects = { receipt, audit: unwritable(run) };
      await expect(ledger.transition(0, changed, effects)).rejects.toThrow('no room left');
      expect(await ledger.get(run.id)).toEqual(run);
      expect(await ledger.receipt(run.id)).toBeUndefined();
      expect(await trail()).toEqual(before);
      expect(await next(changed, { receipt, audit: event(run) })).toMatchObject({ version: 1 });
    });
  });

  describe(`${name}: receipts`, () => {
    test('come back as they were given, with a code that only the holder of the key can make', async () => {
      const planId = await planned();
      const stored = await ledger.receipt(planId);
      if (stored === undefined) throw new Error('it was stored');
      const { receipt } = stored;
      expect(stored).toMatchObject({ status: 'good', receipt: { planId, path: 'prod/vpc' } });
      expect(await made.isMac('receipt', stored.mac, receiptText(receipt))).toBe(true);
      expect(await made.isMac('receipt', stored.mac, receiptText({ ...receipt, planSize: 2 }))).toBe(false);
      expect(await made.isMac('audit', stored.mac, receiptText(receipt))).toBe(false);
      expect(await ledger.receipt('r_none')).toBeUndefined();
    });

    test('are found by repository, path and commit', async () => {
      const [a, b, other] = [await planned(), await planned(), await planned(queuedRun({ path: 'prod/app' }))];
      const ids = async (repo: string, path: string, commit = commitA) =>
        (await ledger.receipts(repo, path, commit)).map(({ receipt }) => receipt.planId).sort();
      expect(await ids('infra-live', 'prod/vpc')).toEqual([a, b].sort());
      expect(await ids('infra-live', 'prod/app')).toEqual([other]);
      expect(await ids('another', 'prod/vpc')).toEqual([]);
      expect(await ids('infra-live', 'prod')).toEqual([]);
      expect(await ids('infra-live', 'prod/vpc', commitB)).toEqual([]);
    });

    test('of a path that was planned more than a hundred times go stale together', async () => {
      let run = await create();
      const planIds: string[] = [];
      for (let n = 0; n < 110; n += 1) {
        const receipt = { ...receiptOf(run), planId: newRunId(), createdAt: new Date(t0 + n).toISOString() };
        run = await next(run, { receipt });
        planIds.push(receipt.planId);
      }
      await next(await create(queuedRun({ command: 'apply' })), { spend: planIds[0] });
      const stored = await ledger.receipts('infra-live', 'prod/vpc', commitA);
      expect(stored.map(({ receipt }) => receipt.planId)).toEqual(planIds.toReversed().slice(0, 100));
      expect(new Set(stored.map(one => one.status))).toEqual(new Set(['stale']));
      expect([await status(planIds[0] ?? ''), await status(planIds[1] ?? '')]).toEqual(['spent', 'stale']);
    }, 60_000);

    test('are spent once, and make the others of their path stale', async () => {
      const [a, b, other] = [await planned(), await planned(), await planned(queuedRun({ path: 'prod/app' }))];
      const apply = await create(queuedRun({ command: 'apply' }));
      await next(apply, { spend: a });
      expect(await ledger.receipt(a)).toMatchObject({ status: 'spent', spentBy: apply.id });
      expect([await status(b), await status(other)]).toEqual(['stale', 'good']);
    });

    test.each([
      ['was spent', (a: string) => a],
      ['is stale', (_: string, b: string) => b],
      ['is of another path', (_: string, __: string, other: string) => other],
      ['does not exist', () => 'r_none'],
    ])('are not spent by an apply whose receipt %s, which then changes nothing', async (_, choose) => {
      const [a, b, other] = [await planned(), await planned(), await planned(queuedRun({ path: 'prod/app' }))];
      await next(await create(queuedRun({ command: 'apply' })), { spend: a });
      const late = await planned();
      const second = await create(queuedRun({ command: 'apply' }));
      const before = [
        await trail(),
        await ledger.receipts('infra-live', 'prod/vpc', commitA),
        await ledger.receipt(other),
      ];
      const effects = { spend: choose(a, b, other), audit: event(second, 'applying') };
      expect(await ledger.transition(0, { ...second, cancelRequested: true }, effects)).toBe('spent');
      expect(await ledger.get(second.id)).toEqual(second);
      expect([
        await trail(),
        await ledger.receipts('infra-live', 'prod/vpc', commitA),
        await ledger.receipt(other),
      ]).toEqual(before);
      expect(await status(late)).toBe('good');
    });

    test('of one path are not spent by two applies that begin at once, each its own', async () => {
      const planIds = [await planned(), await planned()];
      const applies = [await create(queuedRun({ command: 'apply' })), await create(queuedRun({ command: 'apply' }))];
      const begin = (apply: RunRecord, n: number) => ledger.transition(0, apply, { spend: planIds[n] ?? '' });
      const answers = await Promise.all(applies.map(begin));
      expect(answers.filter(answer => answer === 'spent').length).toBe(1);
      expect((await Promise.all(planIds.map(status))).sort()).toEqual(['spent', 'stale']);
    });

    test('that one apply spends twice at once are no plan that another has used', async () => {
      const planId = await planned();
      const apply = await create(queuedRun({ command: 'apply' }));
      const answers = await Promise.all([1, 2, 3].map(() => ledger.transition(0, apply, { spend: planId })));
      expect(answers.filter(answer => answer === 'conflict').length).toBe(2);
      expect(await ledger.receipt(planId)).toMatchObject({ status: 'spent', spentBy: apply.id });
    });

    test('are spent by one of two applies that begin at once', async () => {
      const planId = await planned();
      const [x, y] = [await create(queuedRun({ command: 'apply' })), await create(queuedRun({ command: 'apply' }))];
      const answers = await Promise.all([x, y].map(run => ledger.transition(0, run, { spend: planId })));
      expect(answers.filter(answer => answer === 'spent').length).toBe(1);
    });
  });

  describe(`${name}: lists`, () => {
    test('open has what is live or still occupied, in the order of arrival', async () => {
      const [a, b, c] = [await create(), await create(), await create()];
      const ids = async () => (await ledger.open()).map(({ id }) => id);
      expect(await ids()).toEqual([a.id, b.id, c.id]);
      const lost = await next({ ...runIn('lost'), id: b.id, version: 0, seq: b.seq });
      expect(await ids()).toEqual([a.id, b.id, c.id]);
      await next(release(lost));
      expect(await ids()).toEqual([a.id, c.id]);
    });

    test('openOf has of these the runs of one stack', async () => {
      const [a, b, c] = [await create(), await create(queuedRun({ path: 'prod/app' })), await create()];
      await create({ ...queuedRun(), repo: 'another' });
      const ids = async (path = 'prod/vpc') => (await ledger.openOf('infra-live', path)).map(({ id }) => id);
      expect([await ids(), await ids('prod/app'), await ids('prod')]).toEqual([[a.id, c.id], [b.id], []]);
      const lost = await next({ ...runIn('lost'), id: a.id, version: 0, seq: a.seq });
      expect(await ledger.openOf('infra-live', 'prod/vpc')).toEqual([lost, c]);
      await next(release(lost));
      expect(await ids()).toEqual([c.id]);
    });

    test('queued counts the runs that wait, and those of one user', async () => {
      const by = (user: string) => ({ ...queuedRun(), asker: gitlabAsker({ user_id: user }) });
      const [a] = [await create(by('7')), await create(by('7')), await create(by('8')), await create()];
      const counts = async () =>
        Promise.all(['gitlab:7', 'gitlab:8', 'gitlab', undefined].map(user => ledger.queued(user)));
      const told = (all: number, ...own: number[]) => own.map(count => ({ all, own: count }));
      expect(await counts()).toEqual(told(4, 2, 1, 0, 0));
      const started = await next({ ...runIn('starting'), id: a.id, seq: a.seq, asker: a.asker, version: 0 });
      expect(await counts()).toEqual(told(3, 1, 1, 0, 0));
      const again = await next(requeue(started, { count: 1, since: t0, notBefore: t0 }, t0));
      expect(await counts()).toEqual(told(4, 2, 1, 0, 0));
      await next({ ...again, state: 'canceled' });
      expect(await counts()).toEqual(told(3, 1, 1, 0, 0));
    });

    test('list has the newest first, as many as asked for, and only what matches', async () => {
      const [a, b, c] = [await create(), await create(queuedRun({ path: 'prod/app' })), await create()];
      await next({ ...c, state: 'canceled' });
      const ids = async (query: object) => (await ledger.list({ limit: 9, ...query })).map(({ id }) => id);
      expect(await ids({})).toEqual([c.id, b.id, a.id]);
      expect(await ids({ limit: 2 })).toEqual([c.id, b.id]);
      expect(await ids({ path: 'prod/vpc' })).toEqual([c.id, a.id]);
      expect(await ids({ path: 'prod/vpc', state: 'queued', repo: 'infra-live' })).toEqual([a.id]);
      expect(await ids({ repo: 'another' })).toEqual([]);
      expect(await ids({ state: 'canceled' })).toEqual([c.id]);
      expect(await ids({ before: c.seq, limit: 1 })).toEqual([b.id]);
      expect(await ids({ path: 'prod/vpc', repo: 'infra-live', before: c.seq })).toEqual([a.id]);
    });
  });

  describe(`${name}: the audit trail`, () => {
    test('is one chain, whoever writes', async () => {
      const run = await create();
      await ledger.record({ kind: 'policy', caller: 'the server' });
      await Promise.all([1, 2, 3].map(() => ledger.record({ kind: 'refused', caller: 'nobody', code: 'E_JSON' })));
      await next(run, { audit: event(run, 'started') });
      const entries = await trail();
      expect(entries.map(entry => [entry.seq, entry.event.kind])).toEqual([
        [1, 'accepted'],
        [2, 'policy'],
        [3, 'refused'],
        [4, 'refused'],
        [5, 'refused'],
        [6, 'started'],
      ]);
      expect(verifyChain(entries)).toMatchObject({ ok: true, seq: 6 });
      expect(await areSigned(entries)).toBe(true);
      for (const { mac, hash } of entries) expect(await made.isMac('receipt', mac, hash)).toBe(false);
    });

    test('is read from any entry on, as far as asked for', async () => {
      for (let n = 0; n < 4; n++) await ledger.record({ kind: 'policy', caller: 'the server' });
      const seqs = async (after: number, limit: number) => (await ledger.audit(after, limit)).map(({ seq }) => seq);
      expect(await seqs(1, 2)).toEqual([2, 3]);
      expect(await seqs(3, 9)).toEqual([4]);
      expect(await seqs(4, 9)).toEqual([]);
    });
  });

  test(`${name}: keeps everything that was answered, through a power cut`, async context => {
    if (made.afterPowerCut === undefined) return context.skip();
    const planId = await planned();
    const run = await create(queuedRun({ command: 'apply', requestId: 'job-302-apply' }));
    await next({ ...run, cancelRequested: true }, { spend: planId, audit: event(run, 'applying') });
    const later = await made.afterPowerCut();
    expect(await later.list({ limit: 9 })).toEqual(await ledger.list({ limit: 9 }));
    expect(await later.open()).toEqual(await ledger.open());
    expect(await later.receipt(planId)).toEqual(await ledger.receipt(planId));
    expect((await later.asked(onceFor(run.caller, 'job-302-apply')))?.id).toBe(run.id);
    expect(await trail(later)).toEqual(await trail());
    await later.record({ kind: 'policy', caller: 'the server' });
    expect(verifyChain(await trail(later))).toMatchObject({ ok: true, seq: 4 });
    expect(await areSigned(await trail(later))).toBe(true);
  });
}
