import { Value } from 'typebox/value';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Logs, LogsSchema } from '../../../policies/contract/run.ts';
import { type Plane, testPlane, tokens } from '../test-plane.ts';
import { begin, end, finished, must, workerOf } from '../test-worker.ts';

const token = tokens.deploy;

let plane: Plane;
beforeEach(async () => {
  plane = await testPlane();
});

describe('the log of a run', () => {
  const logs = (id: string, cursor = '') =>
    plane.ask<Logs>('GET', `/v1/runs/${id}/logs${cursor && `?cursor=${cursor}`}`, { token });

  test('is read from a cursor on, to its end, which carries the result', async () => {
    const worker = await workerOf(plane);
    const line = (text: string) => ({ phase: 'plan', text });
    await must(worker.tell('log', { seq: 0, lines: [line('one'), line('two')] }));
    const first = await logs(worker.id);
    expect(first.body).toMatchObject({
      lines: [{ text: 'one' }, { text: 'two' }],
      pollMs: 100,
      run: { id: worker.id },
    });
    expect(first.body).not.toHaveProperty('end');
    expect(Value.Check(LogsSchema, first.body)).toBe(true);
    await must(worker.tell('log', { seq: 1, lines: [line('three')] }));
    await end(plane, worker, { outcome: 'failed', error: { code: 'E_PLAN', message: 'no' } });
    const second = await logs(worker.id, first.body.cursor);
    expect(second.body).toMatchObject({ lines: [{ text: 'three' }], end: { state: 'failed', exitCode: 1 } });
    const late = await logs(worker.id);
    expect(late.body.lines.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
    expect((await logs(worker.id, '99')).body).toMatchObject({ lines: [], end: { state: 'failed' } });
  });

  test('comes in answers below 1 MB, the end with the last of them', async () => {
    const worker = await workerOf(plane);
    const lines = Array.from({ length: 5 }, () => ({ phase: 'plan', text: '\u20ac'.repeat(60_000) }));
    for (let seq = 0; seq < 4; seq++) await must(worker.tell('log', { seq, lines: lines.slice(0, 4) }));
    await begin(worker);
    await must(worker.tell('finish', finished));
    let [cursor, count, answers] = ['0', 0, 0];
    for (let ended = false; !ended; answers++) {
      const { body: page, text } = await logs(worker.id, cursor);
      expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
      if (!page.end) expect(page.pollMs).toBe(0);
      count += page.lines.length;
      [cursor, ended] = [page.cursor, page.end !== undefined];
    }
    expect([count, answers]).toEqual([16, 4]);
  });
});
