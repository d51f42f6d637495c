import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { dynamoTable, type Table } from '../../../invoker/aws/dynamo-table.ts';
import { type Dynamo, startDynamo } from '../../support/aws/dynamo.ts';
import { type Moto, startMoto } from '../../support/aws/moto.ts';
import { requires } from '../../support/requirements.ts';

describe.skipIf(requires('aws'))('the table', () => {
  let moto: Moto;
  let dynamo: Dynamo;
  let name: string;
  let table: Table;
  beforeAll(async () => {
    moto = await startMoto();
    dynamo = await startDynamo(moto);
  }, 60_000);
  afterAll(async () => {
    await dynamo?.stop();
    await moto?.stop();
  });
  beforeEach(async () => {
    name = await dynamo.newTable();
    table = dynamoTable({ client: dynamo.client, table: name });
  });

  const key = (n: number) => ({ pk: 'all', sk: `${n}`.padStart(4, '0') });
  const [first, last] = ['0000', '9999'];
  /** In transactions as large as they may be. */
  const fill = async (count: number, attributes: (n: number) => Record<string, string | number> = n => ({ n })) => {
    const puts = Array.from({ length: count }, (_, n) => [`${n} of all`, table.put(key(n), attributes(n))] as const);
    for (let at = 0; at < count; at += 100)
      expect(await table.write(Object.fromEntries(puts.slice(at, at + 100)))).toBeUndefined();
  };
  const numbers = (items: readonly { readonly n?: unknown }[]) => items.map(({ n }) => n);

  test('gives back texts, numbers and bytes', async () => {
    const given = { text: '"€"', number: 1_779_000_000_000, bytes: new Uint8Array([0, 255]) };
    await table.write({ one: table.put(key(1), given) });
    expect(await table.get(key(1))).toMatchObject({ ...key(1), ...given });
    expect(await table.get(key(2))).toBeUndefined();
  });

  test('finds more items than one request may name, in the order in which they were asked for', async () => {
    await fill(230);
    const wanted = [229, 0, 999, ...Array.from({ length: 150 }, (_, n) => n + 10)];
    expect(numbers(await table.getAll(wanted.map(key)))).toEqual(wanted.filter(n => n !== 999));
    expect(await table.getAll([])).toEqual([]);
  });

  test('finds what lies in a range, from either end, as much as is wanted', async () => {
    await fill(20, n => ({ n, kind: n % 2 ? 'odd' : 'even' }));
    const query = async (how: object) => numbers(await table.query({ pk: 'all', from: first, to: last, ...how }));
    expect(await query({ from: '0003', to: '0006' })).toEqual([3, 4, 5, 6]);
    expect(await query({ limit: 3, backwards: true })).toEqual([19, 18, 17]);
    expect(await query({ limit: 3, only: { kind: 'odd', n: undefined } })).toEqual([1, 3, 5]);
    expect(await query({ limit: 0 })).toEqual([]);
    expect(await query({ pk: 'none' })).toEqual([]);
  });

  test('reads page after page, as many as it may', async () => {
    await fill(30, n => ({ n, text: 'x'.repeat(100_000) }));
    const count = async (how: object) => (await table.query({ pk: 'all', from: first, to: last, ...how })).length;
    expect(await count({})).toBe(30);
    expect(await count({ pages: 2 })).toBeLessThan(30);
    expect(await count({ pages: 2, only: { n: 29 } })).toBe(0);
    expect(await count({ only: { n: 29 } })).toBe(1);
  }, 60_000);

  test('writes all or nothing, and names what was refused', async () => {
    await fill(1);
    const [there, missing] = [key(0), key(1)];
    const refused = await table.write({
      absent: table.put(there, { n: 9 }, 'absent'),
      equal: table.put(missing, { n: 9 }, { n: 8 }),
      present: table.check(key(2), 'present'),
      fine: table.put(key(3), { n: 3 }, 'absent'),
      none: undefined,
    });
    expect(refused).toEqual(new Set(['absent', 'equal', 'present']));
    expect(numbers(await table.getAll([0, 1, 2, 3].map(key)))).toEqual([0]);
    expect(await table.write({ gone: table.remove(there, { n: 1 }) })).toEqual(new Set(['gone']));
    expect(
      await table.write({ there: table.check(there, { n: 0 }), new: table.put(missing, { n: 1 }) }),
    ).toBeUndefined();
    expect(await table.write({ gone: table.remove(there, { n: 0 }) })).toBeUndefined();
    expect(numbers(await table.getAll([0, 1].map(key)))).toEqual([1]);
  });

  test('refuses nothing where another transaction was in the way', async () => {
    dynamo.befall('in the way');
    expect(await table.write({ one: table.put(key(1), { n: 1 }, 'absent') })).toEqual(new Set());
    expect(await table.get(key(1))).toBeUndefined();
  });

  test.each(['lost', 'in progress', 'throttled'] as const)('writes once when the answer is first: %s', async mishap => {
    dynamo.befall(mishap, 2);
    expect(await table.write({ one: table.put(key(1), { n: 1 }, 'absent') })).toBeUndefined();
    expect(await table.write({ one: table.put(key(1), { n: 2 }, 'absent') })).toEqual(new Set(['one']));
    expect(await table.get(key(1))).toMatchObject({ n: 1 });
  });

  test('fails where it can never be written', async () => {
    const tooLarge = { one: table.put(key(1), { text: 'x'.repeat(400 * 1024) }) };
    await expect(table.write(tooLarge)).rejects.toThrow(/size/);
    const tooMany = Array.from({ length: 101 }, (_, n) => [`${n}`, table.put(key(n), { n })]);
    await expect(table.write(Object.fromEntries(tooMany))).rejects.toThrow();
  });

  test('stops at what a newer version has written', async () => {
    const Item = { pk: { S: 'all' }, sk: { S: '0001' }, v: { N: '2' } };
    await dynamo.client.send(new PutItemCommand({ TableName: name, Item }));
    const newer = /layout 2.*update the doors/;
    await expect(table.get(key(1))).rejects.toThrow(newer);
    await expect(table.getAll([key(1)])).rejects.toThrow(newer);
    await expect(table.query({ pk: 'all', from: first, to: last })).rejects.toThrow(newer);
  });
});
