/** The one table of an installation: reads that see every write answered before, and writes that happen together or not at all. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  paginateQuery,
  TransactionCanceledException,
  TransactionInProgressException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';

export interface Key {
  readonly pk: string;
  readonly sk: string;
}
type Scalar = string | number | Uint8Array;
export type Attributes = Readonly<Record<string, Scalar>>;

/** What must have these values; undefined may have any. */
type Wanted = Readonly<Record<string, Scalar | undefined>>;

/** What must be there for a write to happen: no such item, one, or one with these values. */
export type Condition = 'absent' | 'present' | Attributes;

export interface Range {
  readonly pk: string;
  /** Both ends are part of it. */
  readonly from: string;
  readonly to: string;
  readonly backwards?: boolean;
  /** Only items with these values; the others cost time all the same. */
  readonly only?: Wanted;
  readonly limit?: number;
  /** Pages of 1 MB that are read at most. */
  readonly pages?: number;
}

export interface Table {
  readonly get: (key: Key) => Promise<Attributes | undefined>;
  /** Those that are there, in the order of their keys here. */
  readonly getAll: (keys: readonly Key[]) => Promise<Attributes[]>;
  /** In the order of `sk`. */
  readonly query: (range: Range) => Promise<Attributes[]>;
  /**
   * All of them or none: undefined once they are written. Otherwise the names of those whose condition does not hold, or
   * no name where another transaction was in the way. An answer that got lost is asked for again.
   */
  readonly write: (writes: Writes) => Promise<ReadonlySet<string> | undefined>;
  readonly put: (key: Key, attributes: Attributes, condition?: Condition) => TransactWriteItem;
  readonly remove: (key: Key, condition?: Condition) => TransactWriteItem;
  readonly check: (key: Key, condition: Condition) => TransactWriteItem;
}
/** By names that tell them apart; undefined is none. */
export type Writes = Readonly<Record<string, TransactWriteItem | undefined>>;

/** How items are written down. A door that meets a newer way stops instead of guessing. */
const layout = 1;
/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const mostKeys = 100;
const mostTries = 10;

export function dynamoTable({ client, table: TableName }: { client: DynamoDBClient; table: string }): Table {
  const batch = async (keys: readonly Key[]): Promise<Attributes[]> => {
    const found: Attributes[] = [];
    let asked = keys.map(marshalled);
    for (let tries = 0; asked.length > 0; tries += 1) {
      if (tries === mostTries) throw new Error('the ledger answers only a part');
      if (tries > 0) await pause(50 * tries);
      const RequestItems = { [TableName]: { Keys: asked, ConsistentRead: true } };
      const { Responses, UnprocessedKeys } = await client.send(new BatchGetItemCommand({ RequestItems }));
      found.push(...(Responses?.[TableName] ?? []).map(unmarshalled));
      asked = UnprocessedKeys?.[TableName]?.Keys ?? [];
    }
    return found;
  };

  return {
    get: async key => {
      const { Item } = await client.send(new GetItemCommand({ TableName, Key: marshalled(key), ConsistentRead: true }));
      return Item && unmarshalled(Item);
    },

    getAll: async keys => {
      const batches = Array.from({ length: Math.ceil(keys.length / mostKeys) }, (_, n) =>
        batch(keys.slice(n * mostKeys, (n + 1) * mostKeys)),
      );
      const found = new Map((await Promise.all(batches)).flat().map(item => [`${item.pk} ${item.sk}`, item]));
      return keys.flatMap(({ pk, sk }) => {
        const item = found.get(`${pk} ${sk}`);
        return item ? [item] : [];
      });
    },

    query: async ({ pk, from, to, backwards = false, only = {}, limit = Infinity, pages = Infinity }) => {
      if (limit < 1) return [];
      const filter = expression(only);
      const input = {
        TableName,
        ConsistentRead: true,
        ScanIndexForward: !backwards,
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ...marshalled({ ':pk': pk, ':from': from, ':to': to }), ...filter.values },
        ...(filter.text === '' ? {} : { FilterExpression: filter.text, ExpressionAttributeNames: filter.names }),
        // What is filtered is counted before.
        ...(filter.text === '' && limit < Infinity ? { Limit: limit } : {}),
      };
      const found: Attributes[] = [];
      let read = 0;
      for await (const { Items = [] } of paginateQuery({ client }, input)) {
        found.push(...Items.map(unmarshalled));
        read += 1;
        if (found.length >= limit || read === pages) break;
      }
      return found.slice(0, limit);
    },

    write: async writes => {
      const named = Object.entries(writes).flatMap(([name, write]) => (write ? [{ name, write }] : []));
      // With the same token the same transaction is never done twice, however often it is sent.
      const command = new TransactWriteItemsCommand({
        TransactItems: named.map(({ write }) => write),
        ClientRequestToken: randomUUID(),
      });
      for (let tries = 1; ; tries += 1) {
        try {
          await client.send(command);
          return undefined;
        } catch (error) {
          if (error instanceof TransactionCanceledException) return refused(named, error);
          if (!(error instanceof TransactionInProgressException) || tries === mostTries) throw error;
          await pause(200 * tries);
        }
      }
    },

    put: (key, attributes, condition) => ({
      Put: { TableName, Item: marshalled({ ...attributes, ...key, v: layout }), ...conditioned(condition) },
    }),
    remove: (key, condition) => ({ Delete: { TableName, Key: marshalled(key), ...conditioned(condition) } }),
    check: (key, condition) => ({
      ConditionCheck: { TableName, Key: marshalled(key), ...required(condition) },
    }),
  };
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html (cancellation reasons) */
const passing = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

function refused(
  named: readonly { readonly name: string }[],
  { CancellationReasons = [], message }: TransactionCanceledException,
): ReadonlySet<string> {
  const codes = CancellationReasons.map(({ Code = 'None' }) => Code);
  const isExpected = (code: string) => code === 'None' || code === 'ConditionalCheckFailed' || passing.has(code);
  if (codes.length !== named.length || !codes.every(isExpected))
    throw new Error(`the ledger cannot store this: ${message}`);
  return new Set(named.filter((_, at) => codes[at] === 'ConditionalCheckFailed').map(({ name }) => name));
}

function required(condition: Condition) {
  if (condition === 'absent') return { ConditionExpression: 'attribute_not_exists(pk)' };
  if (condition === 'present') return { ConditionExpression: 'attribute_exists(pk)' };
  const { text, names, values } = expression(condition);
  return { ConditionExpression: text, ExpressionAttributeNames: names, ExpressionAttributeValues: values };
}
const conditioned = (condition: Condition | undefined) => (condition === undefined ? {} : required(condition));

/** Names stand apart from the text: many words of everyday are reserved. */
function expression(wanted: Wanted) {
  const equals = Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  return {
    text: equals.map(({ name }) => `#${name} = :${name}`).join(' AND '),
    names: Object.fromEntries(equals.map(({ name }) => [`#${name}`, name])),
    values: marshalled(Object.fromEntries(equals.map(({ name, value }) => [`:${name}`, value]))),
  };
}

const marshalled = (attributes: object): Record<string, AttributeValue> =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)]));

function attributeOf(value: Scalar): AttributeValue {
  if (typeof value === 'string') return { S: value };
  return typeof value === 'number' ? { N: `${value}` } : { B: value };
}

function unmarshalled(item: Record<string, AttributeValue>): Attributes {
  const attributes = Object.fromEntries(Object.entries(item).map(([name, { S, N, B }]) => [name, S ?? B ?? Number(N)]));
  if (attributes.v !== layout)
    throw new Error(
      `the ledger holds an item of layout ${attributes.v}, and this version knows ${layout}: update the doors`,
    );
  return attributes;
}
