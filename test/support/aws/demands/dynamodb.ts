/**
 * What requests to DynamoDB ask for.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
 */
import { arn, type Demand, type Demands, jsonOperation, list, type Place, record, text } from './demand.ts';

const onOneTable = new Set(
  'GetItem PutItem UpdateItem DeleteItem Query Scan DescribeTable DescribeTimeToLive DescribeContinuousBackups'.split(
    ' ',
  ),
);
const onSeveral = new Set(['BatchGetItem', 'BatchWriteItem']);
/** There is no permission for transactions: each item needs that of its own operation. */
const inTransactions: Readonly<Record<string, string>> = {
  Get: 'GetItem',
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
};

export const dynamodbDemands: Demands = async (request, place) => {
  const operation = jsonOperation(request, 'DynamoDB_20120810');
  if (!operation) return undefined;
  const { name, input } = operation;
  if (onOneTable.has(name)) return [demand(place, name, input.TableName, input.IndexName)];
  if (onSeveral.has(name)) return Object.keys(record(input.RequestItems)).map(table => demand(place, name, table));
  if (name !== 'TransactWriteItems' && name !== 'TransactGetItems') return undefined;
  const items = list(input.TransactItems).flatMap(item => Object.entries(record(item)));
  if (items.some(([kind]) => inTransactions[kind] === undefined)) return undefined;
  return items.map(([kind, item]) => ({
    ...demand(place, inTransactions[kind] ?? '', record(item).TableName),
    context: { 'dynamodb:EnclosingOperation': name },
  }));
};

function demand(place: Place, name: string, table: unknown, index?: unknown): Demand {
  // Where a name is expected AWS takes the ARN too.
  const resource = text(table).startsWith('arn:') ? text(table) : arn(place, 'dynamodb', `table/${text(table)}`);
  return {
    action: `dynamodb:${name}`,
    resource: index === undefined ? resource : `${resource}/index/${text(index)}`,
  };
}
