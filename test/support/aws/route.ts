/** Who answers an allowed request: the functions, the tasks, the keys of MACs, or moto. */

import { invoked } from './demands/lambda.ts';
import { missingDemand, readingDemand } from './demands/s3.ts';
import type { Invoke } from './functions/invoke.ts';
import type { createMacs } from './macs.ts';
import type { Route } from './ruling.ts';
import type { Tasks } from './tasks/tasks.ts';
import { refusedUpload } from './uploads.ts';
import type { Upstream } from './upstream.ts';

export interface RouteOptions {
  readonly upstream: Upstream;
  readonly invoke: Invoke;
  readonly tasks: Tasks;
  readonly macs: ReturnType<typeof createMacs>;
}

export const createRoute = ({ upstream, invoke, tasks, macs }: RouteOptions): Route => {
  const inTurn = oneByOne();
  return async ({ request, service, region }, { action, resource }, place, check) => {
    const send = () => upstream.send(request, service, region);
    const target = invoked(request, place);
    if (service === 'lambda' && target) return invoke.answer(request, target);
    if (service === 'ecs') return tasks.answer(request, send);
    if (action === 'kms:GenerateMac' || action === 'kms:VerifyMac') return macs(request, resource);
    if (service !== 's3') return send();
    const query = request.query.filter(([name]) => name !== 'retention');
    const head = { ...request, method: 'HEAD', query, body: Buffer.alloc(0) };
    const shown = action === 's3:PutObjectRetention' ? await upstream.send(head, service, region) : undefined;
    const refused = refusedUpload(request, action, shown?.headers ?? {});
    if (refused) return refused;
    const answer = await (request.headers['if-none-match'] === undefined ? send() : inTurn(send));
    if (!action.startsWith('s3:GetObject')) return answer;
    // A head shows no content, but AWS asks for the key all the same.
    const more = answer.status === 404 ? [missingDemand(resource)] : readingDemand(answer.headers, place, resource);
    return check(more)?.response ?? answer;
  };
};

/** moto looks and writes in two steps, between which another could write: S3 promises that none does. */
function oneByOne(): <Made>(work: () => Promise<Made>) => Promise<Made> {
  let last: Promise<unknown> = Promise.resolve();
  return work => {
    const made = last.then(work);
    last = made.catch(() => {});
    return made;
  };
}
