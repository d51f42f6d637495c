/** What a request asks for, as policies name it: one action on one resource. */
import type { Context } from '../iam/request.ts';
import type { AwsRequest } from '../wire.ts';

export interface Demand {
  readonly action: string;
  readonly resource: string;
  /** What the service adds to the context; the session's own keys are not among it. */
  readonly context?: Context;
}

/** Where the request goes, and what has to be looked up there before it can be judged. */
export interface Place {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  /** Asks moto, past every check: a JSON operation (`secretsmanager.DescribeSecret`) and its answer. */
  ask(service: string, target: string, body: unknown): Promise<unknown>;
  /** How a bucket encrypts what comes without saying how: XML, and empty when it does not. */
  encryptionOf(bucket: string): Promise<string>;
}

/** Every demand must be met. Undefined is an operation that nobody here knows, and that is refused. */
export type Demands = (request: AwsRequest, place: Place) => Promise<readonly Demand[] | undefined>;

/** The body of a JSON operation of this service, e.g. `TrentService.GenerateMac`. */
export function jsonOperation(
  request: AwsRequest,
  prefix: string,
): { readonly name: string; readonly input: Record<string, unknown> } | undefined {
  const [given, name] = (request.headers['x-amz-target'] ?? '').split('.');
  if (request.method !== 'POST' || request.path !== '/' || request.query.length > 0) return undefined;
  if (given !== prefix || name === undefined) return undefined;
  return { name, input: record(JSON.parse(request.body.toString())) };
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** `arn:aws:kms:eu-west-1:111111111111:…` */
export const arn = ({ partition, region, account }: Place, service: string, rest: string): string =>
  `arn:${partition}:${service}:${region}:${account}:${rest}`;
