/** Rules on a signed request: what it asks for, whether policies let it through, and who answers it then. */
import { demandsOf } from './demands/all.ts';
import { type Demand, jsonOperation, type Place } from './demands/demand.ts';
import { commonFailure } from './failure.ts';
import type { PolicyDocument } from './iam/policy-document.ts';
import { refusedDemand } from './judgement.ts';
import type { Session, Sessions } from './sessions.ts';
import { ruleOnSts } from './sts.ts';
import { withHeadersOfUrl } from './uploads.ts';
import type { Upstream } from './upstream.ts';
import type { AwsRequest, AwsResponse } from './wire.ts';
import type { World } from './world.ts';

export type Ruling =
  | {
      readonly allowed: true;
      /** `dynamodb:TransactWriteItems` */
      readonly operation: string;
      readonly resource: string;
      respond(): Promise<AwsResponse>;
    }
  | Refusal;

export interface Refusal {
  readonly allowed: false;
  readonly action: string;
  readonly resource: string;
  readonly because: string;
  readonly response: AwsResponse;
}

/** A request whose signature is good. */
export interface Signed {
  readonly request: AwsRequest;
  readonly session: Session;
  readonly service: string;
  readonly region: string;
  /** Whether it came through the endpoints of the network. */
  readonly inNetwork: boolean;
}

/** Refuses the demand if policies do: for what turns out to be needed only when moto has answered. */
export type Check = (demands: readonly Demand[]) => Refusal | undefined;

/** Answers what is allowed. `demand` is what the operation is named after. */
export type Route = (signed: Signed, demand: Demand, place: Place, check: Check) => Promise<AwsResponse>;

export interface RulingOptions {
  readonly world: World;
  readonly sessions: Sessions;
  readonly upstream: Upstream;
  readonly maxSessionSeconds?: number;
  readonly route: Route;
}

export function createRulings(options: RulingOptions): (signed: Signed) => Promise<Ruling> {
  const { world, upstream, route } = options;
  const demands = demandsOf(world);
  return async given => {
    const signed = given.service === 's3' ? { ...given, request: withHeadersOfUrl(given.request) } : given;
    const { request, session, service, region, inNetwork } = signed;
    const endpoint = inNetwork ? world.endpointPolicies?.[service] : undefined;
    if (service === 'sts') {
      const settings = { ...options, ...(endpoint && { endpoint }) };
      return ruleOnSts(request, session, region, settings) ?? unknownAction(request, service);
    }
    const place = placeOf(world, upstream, region);
    const [first, ...more] = (await demands[service]?.(request, place)) ?? [];
    if (!first) return unknownAction(request, service);
    const check: Check = demands => refusalOf(signed, world, place, demands, endpoint);
    return (
      check([first, ...more]) ?? {
        allowed: true,
        operation: operationOf(signed, first),
        resource: first.resource,
        respond: () => route(signed, first, place, check),
      }
    );
  };
}

function unknownAction(request: AwsRequest, service: string): Refusal {
  const action = `${service}:${request.headers['x-amz-target'] ?? `${request.method} ${request.path}`}`;
  const message = `not authorized: ${action} is not known here`;
  return {
    allowed: false,
    action,
    resource: '',
    because: 'unknown action',
    response: commonFailure(request, 'denied', message),
  };
}

function refusalOf(
  { request, session }: Signed,
  world: World,
  place: Place,
  demands: readonly Demand[],
  endpoint: PolicyDocument | undefined,
): Refusal | undefined {
  const refused = refusedDemand(world, place, session, demands, endpoint);
  if (!refused) return undefined;
  const { demand, because } = refused;
  const { action, resource } = demand;
  const message = `User: ${session.principal.arn} is not authorized to perform: ${action} on resource: ${resource} (${because})`;
  return { allowed: false, action, resource, because, response: commonFailure(request, 'denied', message) };
}

const operationOf = ({ request, service }: Signed, { action }: Demand): string => {
  const [prefix = '', name] = (request.headers['x-amz-target'] ?? '').split('.');
  return name !== undefined && jsonOperation(request, prefix) ? `${service}:${name}` : action;
};

const placeOf = (world: World, upstream: Upstream, region: string): Place => ({
  account: world.account,
  partition: Object.keys(world.roles)[0]?.split(':')[1] ?? 'aws',
  region,
  async ask(service, target, body) {
    const headers = { 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' };
    const request = { method: 'POST', path: '/', query: [], headers, body: Buffer.from(JSON.stringify(body)) };
    return JSON.parse((await upstream.send(request, service, region)).body.toString());
  },
  async encryptionOf(bucket) {
    const query = [['encryption', '']] as const;
    const request = { method: 'GET', path: `/${bucket}`, query, headers: {}, body: Buffer.alloc(0) };
    const answer = await upstream.send(request, 's3', region);
    return answer.status === 200 ? answer.body.toString() : '';
  },
});
