import { TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../requirements.ts';
import { type Dynamo, startDynamo } from './dynamo.ts';
import { type Moto, startMoto } from './moto.ts';

describe.skipIf(requires('aws'))('DynamoDB in front of moto', () => {
  let moto: Moto;
  let dynamo: Dynamo;
  let TableName: string;
  beforeAll(async () => {
    moto = await startMoto();
    dynamo = await startDynamo(moto);
    TableName = await dynamo.newTable();
  }, 60_000);
  afterAll(async () => {
    await dynamo?.stop();
    await moto?.stop();
  });

  const put = (sk: string, text = '') => ({
    Put: { TableName, Item: { pk: { S: 'a' }, sk: { S: sk }, text: { S: text } } },
  });
  const absent = (sk: string) => ({ Put: { ...put(sk).Put, ConditionExpression: 'attribute_not_exists(pk)' } });
  const write = (ClientRequestToken: string, ...TransactItems: ReturnType<typeof put>[]) =>
    dynamo.client.send(new TransactWriteItemsCommand({ ClientRequestToken, TransactItems }));

  test('does a transaction once for its token, and no other one for it', async () => {
    for (let n = 0; n < 2; n += 1) await write('once', absent('once'));
    await expect(write('once', absent('other'))).rejects.toThrow('token');
    await expect(write('twice', absent('once'))).rejects.toThrow('Conditional');
    await expect(write('twice', absent('once'))).rejects.toThrow('Conditional');
  });

  test('undoes what fails, and nothing that others have done meanwhile', async () => {
    const doomed = () => write(`doomed ${Math.random()}`, put('doomed'), absent('once'));
    const fine = (n: number) => write(`fine ${n}`, absent(`fine ${n}`));
    const done = await Promise.allSettled([fine(1), doomed(), fine(2), doomed(), fine(3), doomed(), fine(4)]);
    expect(done.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true, false, true]);
    for (let n = 1; n <= 4; n += 1)
      await expect(write(`again ${n}`, absent(`fine ${n}`))).rejects.toThrow('Conditional');
    await write('not there', absent('doomed'));
  });

  test('takes as much as DynamoDB does, and no more', async () => {
    const text = (kilobytes: number) => 'x'.repeat(kilobytes * 1024);
    const puts = (count: number, kilobytes = 0) =>
      Array.from({ length: count }, (_, n) => put(`${n}`, text(kilobytes)));
    await write('hundred', ...puts(100));
    await expect(write('more', ...puts(101))).rejects.toThrow('too many');
    await write('megabytes', ...puts(10, 390));
    await expect(write('more megabytes', ...puts(11, 390))).rejects.toThrow('too large');
    await expect(write('item', ...puts(1, 400))).rejects.toThrow('Item size');
    await expect(write('key', put('x'.repeat(1025)))).rejects.toThrow('key');
  });
});
