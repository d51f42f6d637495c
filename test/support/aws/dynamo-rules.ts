/**
 * What DynamoDB promises and moto does not keep: transactions that do not see each other half done, a transaction done once
 * for its token, and the limits. Whatever reaches moto's tables goes through here.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
import { isDeepStrictEqual } from 'node:util';
import { failed } from './failure.ts';
import { type AwsRequest, type AwsResponse, jsonResponse } from './wire.ts';

type Send = (request: AwsRequest) => Promise<AwsResponse>;
type Item = Readonly<Record<string, { readonly S?: string; readonly N?: string; readonly B?: string }>>;
interface Transaction {
  readonly ClientRequestToken?: string;
  readonly TransactItems: readonly Readonly<Record<string, { readonly Item?: Item; readonly Key?: Item }>>[];
}

const [mostItems, itemBytes, transactionBytes] = [100, 400 * 1024, 4 * 1024 * 1024];
const [partitionKeyBytes, sortKeyBytes] = [2048, 1024];

export function dynamoRules(send: Send): Send {
  const done = new Map<string, Transaction>();
  let queue: Promise<unknown> = Promise.resolve();

  const transact = async (request: AwsRequest): Promise<AwsResponse> => {
    const asked = JSON.parse(request.body.toString()) as Transaction;
    const token = asked.ClientRequestToken ?? '';
    const before = done.get(token);
    if (before && isDeepStrictEqual(before, asked)) return jsonResponse(200, {});
    if (before)
      return failed(request, 400, 'IdempotentParameterMismatchException', 'another transaction had this token');
    const problem = problemOf(asked);
    if (problem !== undefined) return failed(request, 400, 'ValidationException', problem);
    const answer = await send(request);
    if (answer.status === 200 && token !== '') done.set(token, asked);
    return answer;
  };

  return request => {
    const isTransaction = request.headers['x-amz-target']?.endsWith('.TransactWriteItems');
    // One after the other: moto undoes a failed transaction by putting back the whole table as it was.
    const answer = queue.then(() => (isTransaction ? transact(request) : send(request)));
    queue = answer.catch(() => undefined);
    return answer;
  };
}

function problemOf({ TransactItems }: Transaction): string | undefined {
  const items = TransactItems.flatMap(Object.values).map(({ Item, Key }) => Item ?? Key ?? {});
  if (items.length > mostItems) return 'too many items';
  if (items.some(item => sizeOf(item) > itemBytes)) return 'Item size has exceeded the maximum allowed size';
  if (items.reduce((sum, item) => sum + sizeOf(item), 0) > transactionBytes) return 'the transaction is too large';
  const isTooLong = ({ pk, sk }: Item) => valueSize(pk) > partitionKeyBytes || valueSize(sk) > sortKeyBytes;
  return items.some(isTooLong) ? 'a key is too long' : undefined;
}

const sizeOf = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueSize(value), 0);

function valueSize({ S, N, B }: Item[string] = {}): number {
  return B === undefined ? Buffer.byteLength(S ?? N ?? '') : Buffer.from(B, 'base64').length;
}
