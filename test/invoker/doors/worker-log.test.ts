import { beforeEach, describe, expect, test } from 'vitest';
import type { Logs } from '../../../policies/contract/run.ts';
import { type ErrorAnswer, type Plane, testPlane, tokens } from '../test-plane.ts';
import { must, type TestWorker, workerOf } from '../test-worker.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});

describe('log', () => {
  const lines = (...texts: string[]) => texts.map(text => ({ phase: 'plan', text }));
  const read = async ({ id }: TestWorker) =>
    (await plane.ask<Logs>('GET', `/v1/runs/${id}/logs`, { token: tokens.deploy })).body.lines.map(({ text }) => text);

  test('stores a batch that is sent twice once, and refuses one that leaves a gap', async () => {
    const worker = await workerOf(plane);
    for (const seq of [0, 0, 1, 0]) await must(worker.tell('log', { seq, lines: lines(`batch ${seq}`) }));
    expect(await worker.refused('log', { seq: 3, lines: [] })).toEqual([400, 'E_BAD_REQUEST']);
    expect(await read(worker)).toEqual(['batch 0', 'batch 1']);
  });

  test('keeps colours and nothing else that a terminal obeys', async () => {
    const worker = await workerOf(plane);
    const sent = ['\u001b[31mred\u001b[0m', 'a\u001b]0;title\u0007b', 'a\u001b[2Jb', 'a\rb\u0000\u009bc', 'a\tb'];
    await must(worker.tell('log', { seq: 0, lines: lines(...sent) }));
    expect(await read(worker)).toEqual(['\u001b[31mred\u001b[0m', 'ab', 'ab', 'abc', 'a\tb']);
  });

  test('keeps nothing that hides, reorders or folds what is around it', async () => {
    const worker = await workerOf(plane);
    const sent = [
      'section_start:1:x[collapsed=true]\r\u001b[0Kx',
      'sect\u001b[1mion_\u200bend:1:x',
      'a\u202eb\u200bc\u2028d',
    ];
    await must(worker.tell('log', { seq: 0, lines: lines(...sent) }));
    const kept = ['section-start:1:x[collapsed=true]x', 'sect\u001b[1mion-end:1:x', 'abcd'];
    expect(await read(worker)).toEqual(kept);
  });

  test('takes no batch that an answer could not hold with its run', async () => {
    const worker = await workerOf(plane);
    const wide = (count: number) => lines(...Array.from({ length: count }, () => '\u20ac'.repeat(10_000)));
    expect(await worker.refused('log', { seq: 0, lines: wide(25) })).toEqual([413, 'E_TOO_LARGE']);
    await must(worker.tell('log', { seq: 0, lines: wide(24) }));
    const changes = Array.from({ length: 150 }, () => ({ address: '\u20ac'.repeat(340), action: 'create' }));
    const error = { code: 'E_PLAN', message: '\u20ac'.repeat(4096), fix: '\u20ac'.repeat(4096) };
    await must(worker.tell('finish', { outcome: 'failed', error, changes }));
    const { text, body } = await plane.ask<Logs>('GET', `/v1/runs/${worker.id}/logs`, { token: tokens.deploy });
    expect(body.end).toMatchObject({ state: 'failed' });
    expect(Buffer.byteLength(text)).toBeGreaterThan(850_000);
    expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
  });

  test('takes up to 1 MiB, and not a byte more', async () => {
    const worker = await workerOf(plane);
    const body = (length: number) => {
      const empty = JSON.stringify({ seq: 0, lines: lines() });
      return empty + ' '.repeat(length - empty.length);
    };
    const send = (length: number) =>
      plane.ask<ErrorAnswer>('POST', '/worker/v1/log', { token: worker.token, body: body(length) });
    const { status, body: refused } = await send(1024 * 1024 + 1);
    expect([status, refused.error.code]).toEqual([413, 'E_TOO_LARGE']);
    expect((await send(1024 * 1024)).status).toBe(200);
  });

  test('keeps 64 Mi characters of a run, says where it ends, and lets the run go on', async () => {
    const worker = await workerOf(plane);
    const run = await plane.ledger.get(worker.id);
    if (run === undefined) throw new Error('it is there');
    await plane.ledger.transition(run.version, { ...run, logged: 64 * 1024 * 1024 - (3 + 32) });
    const cut = '\u2026 infra-deployer keeps no more of this output: it is too long';
    for (const [seq, texts] of [['abc'], ['d', 'e'], ['f']].entries())
      await must(worker.tell('log', { seq, lines: lines(...texts) }));
    expect(await read(worker)).toEqual(['abc', 'd', 'e', cut]);
    expect(await worker.refused('log', { seq: 4, lines: [] })).toEqual([400, 'E_BAD_REQUEST']);
    expect((await plane.shown(worker.id)).state).toBe('running');
  });

  test('counts the characters of all batches, and what a line costs without any', async () => {
    const worker = await workerOf(plane);
    for (const seq of [0, 1]) await must(worker.tell('log', { seq, lines: lines('12345', '678') }));
    expect((await plane.ledger.get(worker.id))?.logged).toBe(2 * (5 + 3 + 2 * 32));
  });

  test.each([
    [{ seq: -1, lines: [] }],
    [{ seq: 0, lines: [{ phase: 'plan', text: 7 }] }],
    [{ seq: 0, lines: [{ phase: 'x', text: '' }] }],
    [{ seq: 0, lines: [{ phase: 'plan', text: 'x'.repeat(65_537) }] }],
    [{ seq: 0, lines: Array.from({ length: 5001 }, () => ({ phase: 'plan', text: '' })) }],
    [{ seq: 0, lines: [], more: 1 }],
  ])('refuses a batch of another shape (%#)', async body => {
    expect(await (await workerOf(plane)).refused('log', body)).toEqual([400, 'E_SCHEMA']);
  });

  test('reads JSON as strictly as the deploy door', async () => {
    const { token } = await workerOf(plane);
    for (const body of ['{"seq":0,"seq":1,"lines":[]}', '\ufeff{"seq":0,"lines":[]}', '{"__proto__":{}}', '']) {
      const { status } = await plane.ask('POST', '/worker/v1/log', { token, body });
      expect(status).toBe(400);
    }
    const headers = { 'content-type': 'text/plain' };
    expect((await plane.ask('POST', '/worker/v1/log', { token, body: '{}', headers })).status).toBe(415);
  });
});
