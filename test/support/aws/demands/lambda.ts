/**
 * What requests to Lambda ask for: invocations, and nothing else.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
 */
import { type AwsRequest, queryValue } from '../wire.ts';
import { arn, type Demands, type Place } from './demand.ts';

export const lambdaDemands: Demands = async (request, place) => {
  const target = invoked(request, place);
  return target && [{ action: 'lambda:InvokeFunction', resource: target.resource }];
};

/** The function, and the resource that policies name: the function's ARN, with the qualifier where there is one. */
export function invoked(
  request: AwsRequest,
  place: Place,
): { readonly function: string; readonly qualifier?: string; readonly resource: string } | undefined {
  const match = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.path);
  if (request.method !== 'POST' || !match) return undefined;
  const id = decodeURIComponent(match[1] ?? '');
  const [name = '', own, ...more] = id.replace(/^arn:[^:]+:lambda:[^:]+:\d{12}:function:/, '').split(':');
  const asked = queryValue(request, 'Qualifier');
  // AWS refuses two qualifiers that differ, too.
  if (more.length > 0 || !/^[\w-]+$/.test(name) || (own && asked && own !== asked)) return undefined;
  const base = id.startsWith('arn:') ? id.split(':').slice(0, 7).join(':') : arn(place, 'lambda', `function:${name}`);
  const qualifier = own ?? asked;
  return qualifier === undefined
    ? { function: base, resource: base }
    : { function: base, qualifier, resource: `${base}:${qualifier}` };
}
