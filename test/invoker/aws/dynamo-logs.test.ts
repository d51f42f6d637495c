import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { linesKey } from '../../../invoker/aws/dynamo-keys.ts';
import { dynamoLogs } from '../../../invoker/aws/dynamo-logs.ts';
import type { Table } from '../../../invoker/aws/dynamo-table.ts';
import { requires } from '../../support/requirements.ts';
import { logsContract } from '../logs-contract.ts';
import { t0 } from '../sample-run.ts';
import { newStores, type OnDynamo, startOnDynamo } from './on-dynamo.ts';

describe.skipIf(requires('aws'))('on AWS', () => {
  let aws: OnDynamo;
  beforeAll(async () => {
    aws = await startOnDynamo();
  }, 60_000);
  afterAll(() => aws?.stop());

  logsContract('the logs on DynamoDB', async () => ({ ...(await newStores(aws)), close: () => undefined }));

  const line = (text: string) => ({ phase: 'plan' as const, text });
  /** Nothing shortens it much. */
  const noise = (bytes: number) => line(randomBytes(bytes).toString('base64'));

  test('a batch that fits into no item is one batch all the same', async () => {
    const { logs } = await newStores(aws);
    const batch = Array.from({ length: 20 }, () => noise(39_000));
    expect(JSON.stringify(batch).length).toBeGreaterThan(1_000_000);
    expect(await logs.append('r_a', 0, batch)).toBe(true);
    expect(await logs.append('r_a', 1, [line('after')])).toBe(true);
    expect(await logs.append('r_a', 0, [line('again')])).toBe(true);
    expect(await logs.read('r_a', 0, 10)).toEqual({ lines: batch, cursor: 1, more: true });
    expect(await logs.read('r_a', 1, 10)).toEqual({ lines: [line('after')], cursor: 2, more: false });
  });

  test('many batches are read in their order, more than are asked for at a time', async () => {
    const { logs } = await newStores(aws);
    const batches = Array.from({ length: 40 }, (_, n) => [n % 10 === 3 ? noise(700_000) : line(`${n}`)]);
    for (const [seq, batch] of batches.entries()) expect(await logs.append('r_a', seq, batch)).toBe(true);
    expect(await logs.read('r_a', 0, 1e9)).toEqual({ lines: batches.flat(), cursor: 40, more: false });
  }, 60_000);

  test('wide lines are read hardly more than once, in pages of any width', async () => {
    const { table } = await newStores(aws);
    let read = 0;
    const query: Table['query'] = async range => {
      const items = await table.query(range);
      read += items.length;
      return items;
    };
    const logs = dynamoLogs({ table: { ...table, query }, now: () => t0 });
    const [stored, chars] = [40, 200_000];
    for (let seq = 0; seq < stored; seq += 1) await logs.append('r_a', seq, [line('x'.repeat(chars))]);
    for (const width of [1, 2, 5, 20]) {
      read = 0;
      let [cursor, more] = [0, true];
      while (more) ({ cursor, more } = await logs.read('r_a', cursor, (width + 0.5) * chars));
      expect(cursor).toBe(stored);
      expect(read / stored).toBeLessThanOrEqual(3);
    }
  }, 60_000);

  test('a gap ends the log, however much comes after it', async () => {
    const { table, logs } = await newStores(aws);
    for (let seq = 0; seq < 20; seq += 1) await logs.append('r_a', seq, [line(`${seq}`)]);
    await table.write({ gap: table.remove(linesKey('r_a', 3, 0)) });
    const query = vi.spyOn(table, 'query');
    expect(await logs.read('r_a', 0, 1e6)).toMatchObject({ cursor: 3, more: false });
    expect(await logs.read('r_a', 3, 1e6)).toEqual({ lines: [], cursor: 3, more: false });
    expect(query.mock.calls.length).toBeLessThan(5);
  });

  test('of two batches with one number that come at once one is stored, whole', async () => {
    const { logs } = await newStores(aws);
    const batches = [1, 2, 3].map(() => [noise(500_000)]);
    expect(await Promise.all(batches.map(batch => logs.append('r_a', 0, batch)))).toEqual([true, true, true]);
    expect(batches).toContainEqual((await logs.read('r_a', 0, 1e9)).lines);
  });

  test('an answer that got lost is no gap, and no second batch', async () => {
    const { logs } = await newStores(aws);
    for (let seq = 0; seq < 3; seq += 1) {
      aws.dynamo.befall('lost');
      expect(await logs.append('r_a', seq, [line(`${seq}`)])).toBe(true);
    }
    expect((await logs.read('r_a', 0, 1e6)).lines).toEqual([line('0'), line('1'), line('2')]);
  });

  test('lines are gone after two weeks, whether or not they were deleted by then, and none is read after a gap', async () => {
    const day = 24 * 60 * 60 * 1000;
    const clock = { now: t0 };
    const { logs } = await newStores(aws, () => clock.now);
    await logs.append('r_a', 0, [line('early')]);
    clock.now += day;
    await logs.append('r_a', 1, [line('late')]);
    expect((await logs.read('r_a', 0, 1e6)).cursor).toBe(2);
    clock.now = t0 + 14 * day + 1000;
    expect(await logs.read('r_a', 0, 1e6)).toEqual({ lines: [], cursor: 0, more: false });
    expect((await logs.read('r_a', 1, 1e6)).lines).toEqual([line('late')]);
  });
});
