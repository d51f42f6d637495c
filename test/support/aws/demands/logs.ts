/**
 * What requests to CloudWatch Logs ask for.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
 */
import { arn, type Demands, jsonOperation, text } from './demand.ts';

const onGroup = new Set('CreateLogGroup DescribeLogStreams FilterLogEvents'.split(' '));
const onStream = new Set('CreateLogStream PutLogEvents GetLogEvents'.split(' '));

export const logsDemands: Demands = async (request, place) => {
  const operation = jsonOperation(request, 'Logs_20140328');
  if (!operation) return undefined;
  const { name, input } = operation;
  const group = `log-group:${text(input.logGroupName)}:log-stream:`;
  const action = `logs:${name}`;
  if (onGroup.has(name)) return [{ action, resource: arn(place, 'logs', group) }];
  if (onStream.has(name)) return [{ action, resource: arn(place, 'logs', `${group}${text(input.logStreamName)}`) }];
  return undefined;
};
