/**
 * Tickets, tokens and keys of runs in wrong hands, together with a role that may knock. Each attack has an allowed twin.
 *
 * | attack | what stops it |
 * |---|---|
 * | a ticket, used before its worker | nothing: the thief has that one run; the worker fails, and the run ends as `lost` |
 * | … used again, for another run, or after a cancel | it is good once, for its run, while that starts |
 * | a token, for another run | the run is in the token, and only its digest is kept |
 * | … for another path, for the other command | what it may do is in the ledger, not in what it says |
 * | … for credentials before the source is settled, after a cancel or the end | the door looks at the run each time |
 * | … for a second plan | the upload is bound to one key, digest and size, and creates only |
 * | … at another door, as a run's key | IAM; and a door knows its own kind of secret |
 * | a run's key, for another run, to create, an hour after the end | it is made of the run's id, and reads and cancels |
 * | a worker taken over by code of a feature branch | its ref and commit are settled; no plan of it is kept |
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../../../policies/contract/run.ts';
import type { Credentials } from '../../../policies/contract/worker.ts';
import { requires } from '../../support/requirements.ts';
import { applyRole, planRole, roleOf } from './account.ts';
import { type HeldRuns, holdRuns, type TakenRun } from './held-runs.ts';
import { holderOf } from './holder.ts';
import { knockWith } from './knock.ts';

const unknown = { status: 401, code: 'E_UNAUTHENTICATED' };
const notThere = { status: 404, code: 'E_NOT_FOUND' };
const over = { status: 409, code: 'E_RUN_ENDED' };
/** AWS's own word: nobody behind it was asked. */
const byAws = { code: 'AccessDeniedException' };
const hour = 3_600_000;

describe.skipIf(requires('aws', 'aws provider', 'sshd', 'terraform'))('stolen', { timeout: 180_000 }, () => {
  let runs: HeldRuns;
  beforeAll(async () => {
    runs = await holdRuns();
  }, 180_000);
  afterAll(() => runs?.stop());

  const sourceOf = (branch: string) => {
    const commit = runs.repository.id(branch);
    return { ref: `refs/heads/${branch}`, commit, tip: commit };
  };
  const plan = Buffer.from('a plan that nobody has made');
  const upload = { digest: createHash('sha256').update(plan).digest('hex'), size: plan.length };
  const put = async (url: string, body: Buffer, headers: Record<string, string> = {}) => {
    const sum = Buffer.from(upload.digest, 'hex').toString('base64');
    const bound = { 'if-none-match': '*', 'x-amz-checksum-sha256': sum, ...headers };
    return (await fetch(url, { method: 'PUT', headers: bound, body: new Uint8Array(body) })).status;
  };
  const succeeded = { outcome: 'succeeded', hasChanges: true } as const;
  const stored = async ({ tell }: TakenRun): Promise<void> => {
    for (const phase of ['gate', 'init', 'plan']) expect(await tell('phase', { phase })).toMatchObject({ status: 200 });
    const { body } = await tell('plan', upload);
    expect(await put(`${body.url}`, plan)).toBe(200);
    expect(await tell('finish', succeeded)).toMatchObject({ status: 200 });
  };

  describe('a ticket', () => {
    test('that is used before its worker gives the thief that run alone, and everybody sees how it ends', async () => {
      const { id, runKey, task, letGo, tell, claimed } = await runs.claimed(await runs.asked({ path: 'prod/ticket' }));
      expect(claimed.run).toBe(id);
      letGo();
      await expect.poll(() => task.described().lastStatus, { timeout: 60_000 }).toBe('STOPPED');
      expect(task.log()).toContain('no token that is known here');
      await runs.inside.elapse(id, 61_000);
      const seen = async () => (await runs.ci.ask('deploy', 'getRun', { id }, { runKey })).body as Run;
      await expect.poll(async () => (await seen()).state, { timeout: 60_000 }).toBe('lost');
      expect(await seen()).toMatchObject({ error: { code: 'E_LOST' }, terraformStarted: false });
      expect(await tell('heartbeat')).toMatchObject(over);
    });

    test('is good once, for its run, while that starts', async () => {
      const [run, other] = [await runs.asked({ path: 'prod/one' }), await runs.asked({ path: 'prod/two' })];
      const claim = (run: string, ticket: string) => runs.worker.ask('worker', 'claim', { run, ticket });
      expect(await claim(other.id, run.ticket)).toMatchObject(unknown);
      expect(await runs.ci.ask('worker', 'claim', { run: run.id, ticket: run.ticket })).toMatchObject(byAws);
      expect(await claim(run.id, run.ticket)).toMatchObject({ status: 200 });
      expect(await claim(run.id, run.ticket)).toMatchObject(unknown);
      const { id, runKey } = other;
      expect(await runs.ci.ask('deploy', 'cancelRun', { id }, { runKey })).toMatchObject({ status: 202 });
      expect(await claim(id, other.ticket)).toMatchObject(unknown);
    });
  });

  describe('a token', () => {
    test('does nothing to another run, however the two are mixed', async () => {
      const [mine, yours] = [await runs.taken({ path: 'prod/mine' }), await runs.taken({ path: 'prod/yours' })];
      const bodies = {
        heartbeat: {},
        log: { seq: 0, lines: [{ phase: 'plan', text: 'forged' }] },
        source: sourceOf('main'),
        credentials: {},
        phase: { phase: 'gate' },
        plan: upload,
        'errored-state': {},
        finish: { outcome: 'failed' },
      };
      const before = await runs.inside.run(yours.id);
      const [, secret] = mine.token.split('.');
      for (const [operation, body] of Object.entries(bodies)) {
        const ask = (credential: object, more = {}) =>
          runs.worker.ask('worker', operation, { ...body, ...more }, credential);
        expect(await ask({ token: `${yours.id}.${secret}` })).toMatchObject(unknown);
        expect(await ask({ token: `${mine.token}.${yours.id}` })).toMatchObject(unknown);
        expect(await ask({})).toMatchObject(unknown);
        for (const key of ['run', 'id', 'token'])
          expect(await ask({ token: mine.token }, { [key]: yours.id })).toMatchObject({
            status: 400,
            code: 'E_SCHEMA',
          });
      }
      expect(await runs.inside.run(yours.id)).toEqual(before);
      for (const [operation, body] of Object.entries(bodies).slice(0, 4))
        expect(await yours.tell(operation, body)).toMatchObject({ status: 200 });
      expect(await mine.tell('heartbeat')).toMatchObject({ status: 200 });
    });

    test('gets credentials for the path and command of its run, once it is settled what that is about', async () => {
      const { tell, id, claimed } = await runs.taken({ path: 'prod/a' });
      expect(await tell('credentials')).toMatchObject({ status: 400, code: 'E_BAD_REQUEST' });
      expect(await tell('credentials', { path: 'prod/b' })).toMatchObject({ status: 400, code: 'E_SCHEMA' });
      expect(await tell('credentials', { command: 'apply' })).toMatchObject({ status: 400, code: 'E_SCHEMA' });
      expect(await tell('source', sourceOf('main'))).toMatchObject({ status: 200 });
      expect(await tell('phase', { phase: 'apply' })).toMatchObject({ status: 400, code: 'E_BAD_REQUEST' });
      expect(await tell('errored-state')).toMatchObject({ status: 400, code: 'E_BAD_REQUEST' });
      const { role } = (await tell('credentials')).body as Credentials;
      const thief = holderOf(runs.account, role);
      expect(await thief.identity()).toBe(`arn:aws:sts::222222222222:assumed-role/${planRole.split('/').at(-1)}/${id}`);
      expect(await thief.read('prod/a')).toBe('NoSuchKey');
      expect(await thief.read('prod/b')).toBe('AccessDenied');
      expect(await thief.write('prod/a')).toBe('AccessDenied');
      for (const role of [applyRole, planRole, roleOf(runs.account.rendered, 'run').arn])
        expect(await thief.become(role)).toBe('AccessDenied');
      expect(await thief.secret('infra-deployer/deploy-key')).toBe('AccessDeniedException');
      expect(role && (await knockWith(runs.account, role).ask('worker', 'heartbeat', {}))).toMatchObject(byAws);

      // What reads the deploy key reads nothing else, and nothing more than the run's own.
      const source = holderOf(runs.account, claimed.session);
      expect(await source.secret('infra-deployer/deploy-key')).toBe(runs.account.deployKey);
      expect(await source.secret('infra-deployer/of-another')).toBe('AccessDeniedException');
      expect(await source.read('prod/a')).toBe('AccessDenied');
      for (const role of [applyRole, planRole]) expect(await source.become(role)).toBe('AccessDenied');
    });

    test('stores one plan, and gets what applies it in the apply alone', async () => {
      const planned = await runs.taken({ path: 'prod/store' });
      const { tell } = planned;
      expect(await tell('source', sourceOf('main'))).toMatchObject({ status: 200, body: { keepPlan: true } });
      const granted = await tell('plan', upload);
      const url = `${granted.body.url}`;
      const other = Buffer.from(plan).reverse();
      expect(await put(url, other)).toBe(400);
      expect(await put(url, other.subarray(1))).toBe(403);
      expect(await put(url, plan, { 'if-none-match': '' })).toBe(403);
      expect(await put(url.replace(planned.id, `r_${'a'.repeat(26)}`), plan)).toBe(403);
      const digest = createHash('sha256').update(other).digest('hex');
      expect(await tell('plan', { ...upload, digest })).toMatchObject({ status: 400, code: 'E_BAD_REQUEST' });
      await stored(planned);
      expect(await put(url, plan)).toBe(412);
      for (const operation of ['heartbeat', 'credentials', 'errored-state'])
        expect(await tell(operation)).toMatchObject(over);
      expect(await tell('plan', upload)).toMatchObject(over);
      expect(await tell('finish', { outcome: 'failed' })).toMatchObject(over);
      // An answer that got lost is asked for again.
      expect(await tell('finish', succeeded)).toMatchObject({ status: 200 });

      const applied = await runs.taken({ path: 'prod/store', command: 'apply', planId: planned.id });
      expect(await applied.tell('source', sourceOf('feature'))).toMatchObject({
        status: 403,
        code: 'E_REF_NOT_ALLOWED',
      });
      expect(await applied.tell('source', sourceOf('main'))).toMatchObject({ status: 200, body: { plan: upload } });
      expect(await applied.tell('plan', upload)).toMatchObject({ status: 400 });
      const { role } = (await applied.tell('credentials')).body as Credentials;
      expect(await holderOf(runs.account, role).write('prod/store')).toBe('done');
      expect(await holderOf(runs.account, role).write('prod/a')).toBe('AccessDenied');

      const { id, runKey } = applied;
      expect(await runs.ci.ask('deploy', 'cancelRun', { id }, { runKey })).toMatchObject({ status: 202 });
      expect(await applied.tell('heartbeat')).toMatchObject({ status: 200, body: { stop: 'canceled' } });
      expect(await applied.tell('credentials')).toMatchObject({ status: 403, code: 'E_CANCELED' });
      expect(await applied.tell('phase', { phase: 'apply' })).toMatchObject({ status: 403, code: 'E_CANCELED' });
      expect(await runs.inside.receipt(planned.id)).toMatchObject({ status: 'good' });
    });

    test('of planned code of a feature branch makes nothing that can be applied', async () => {
      const { tell, id, runKey } = await runs.taken({ path: 'prod/lie', ref: 'feature' });
      expect(await tell('source', sourceOf('main'))).toMatchObject({ status: 403, code: 'E_REF_NOT_ALLOWED' });
      expect(await tell('finish', succeeded)).toMatchObject({ status: 400, code: 'E_BAD_REQUEST' });
      expect(await tell('source', sourceOf('feature'))).toMatchObject({ status: 200, body: { keepPlan: false } });
      for (const source of [sourceOf('main'), { ...sourceOf('feature'), commit: runs.repository.id('main') }])
        expect((await tell('source', source)).status).toBeGreaterThanOrEqual(400);
      expect(await tell('plan', upload)).toMatchObject({ status: 400, code: 'E_BAD_REQUEST' });
      expect(await tell('phase', { phase: 'plan' })).toMatchObject({ status: 200 });
      // Of its own plan it may say what it likes, and is shown as having said it.
      const counts = { create: 0, update: 0, delete: 0, replace: 0 };
      const report = { ...succeeded, hasChanges: false, counts, lockDigest: upload.digest };
      expect(await tell('finish', { ...report, planId: id })).toMatchObject({ status: 400, code: 'E_SCHEMA' });
      expect(await tell('finish', report)).toMatchObject({ status: 200 });
      const run = (await runs.ci.ask('deploy', 'getRun', { id }, { runKey })).body;
      expect(run).toMatchObject({ state: 'succeeded', counts, ref: 'refs/heads/feature' });
      expect(run).not.toHaveProperty('planId');
      expect(await runs.inside.receipt(id)).toBeUndefined();
      const apply = { command: 'apply', path: 'prod/lie', ref: 'main', planId: id };
      expect(await runs.ci.ask('deploy', 'createRun', apply, { idToken: runs.idToken() })).toMatchObject({
        status: 409,
        code: 'E_PLAN_MISSING',
      });
    });

    test('is nothing at other doors', async () => {
      const { token, id } = await runs.taken({ path: 'prod/doors' });
      expect(await runs.worker.ask('deploy', 'getRun', { id }, { runKey: token })).toMatchObject(byAws);
      expect(await runs.ci.ask('deploy', 'getRun', { id }, { runKey: token })).toMatchObject(notThere);
      expect(await runs.ci.ask('worker', 'heartbeat', {}, { token })).toMatchObject(byAws);
      for (const door of ['audit', 'keeper', 'worker-plan', 'worker-apply'] as const)
        expect(await runs.worker.ask(door, 'listRuns', {})).toMatchObject(byAws);
    });
  });

  describe('the key of a run', () => {
    test('reads and cancels that run, and does nothing else anywhere', async () => {
      const [mine, yours] = [await runs.asked({ path: 'prod/key' }), await runs.asked({ path: 'prod/lock' })];
      const { runKey } = mine;
      const ask = (operation: string, body: object) => runs.ci.ask('deploy', operation, body, { runKey });
      for (const operation of ['getRun', 'getLogs', 'cancelRun'])
        for (const id of [yours.id, `r_${'a'.repeat(26)}`])
          expect(await ask(operation, { id })).toMatchObject(notThere);
      for (const operation of ['createRun', 'decide'])
        expect(await ask(operation, { command: 'plan', path: 'prod/key', ref: 'main' })).toMatchObject({ status: 400 });
      const both = { runKey, idToken: runs.idToken() };
      expect(await runs.ci.ask('deploy', 'cancelRun', { id: yours.id }, both)).toMatchObject({ status: 400 });
      expect(await runs.ci.ask('worker', 'heartbeat', {}, { token: runKey })).toMatchObject(byAws);
      expect(await runs.worker.ask('worker', 'heartbeat', {}, { token: runKey })).toMatchObject(unknown);
      expect(await runs.worker.ask('worker', 'heartbeat', {}, { token: `${mine.id}.${runKey}` })).toMatchObject(
        unknown,
      );
      expect(await runs.worker.ask('worker', 'claim', { run: mine.id, ticket: runKey })).toMatchObject(unknown);
      expect(await runs.ci.ask('audit', 'getRun', { id: mine.id }, { runKey })).toMatchObject(byAws);
      expect((await runs.inside.run(yours.id)).state).toBe('starting');

      const { id } = mine;
      for (const operation of ['getRun', 'getLogs'])
        expect(await ask(operation, { id })).toMatchObject({ status: 200 });
      expect(await ask('cancelRun', { id })).toMatchObject({ status: 202, body: { state: 'canceled' } });
      expect(await ask('cancelRun', { id })).toMatchObject(over);
      await runs.inside.elapse(id, hour - 60_000);
      expect(await ask('getRun', { id })).toMatchObject({ status: 200 });
      await runs.inside.elapse(id, 60_000);
      for (const operation of ['getRun', 'getLogs', 'cancelRun'])
        expect(await ask(operation, { id })).toMatchObject(notThere);
    });
  });
});
