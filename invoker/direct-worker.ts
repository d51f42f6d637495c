/** The worker door by direct invocation: the same operations as over HTTP. */
import { bodyReader } from '../policies/body.ts';
import { maxWorkerBodyBytes } from '../policies/contract/worker.ts';
import { type DirectDoorParts, type DirectOperation, directDoor } from './direct-door.ts';
import type { DoorOperation } from './door-operation.ts';
import { orThrow } from './errors.ts';

export interface DirectWorkerParts extends Pick<DirectDoorParts, 'failed'> {
  readonly operations: Readonly<Record<string, DoorOperation>>;
}

export const directWorker = ({ operations, failed }: DirectWorkerParts) =>
  directDoor({
    operations: Object.fromEntries(Object.entries(operations).map(([name, one]) => [name, direct(one)])),
    failed,
  });

function direct({ body, perform }: DoorOperation): DirectOperation {
  const read = bodyReader(body, maxWorkerBodyBytes);
  return {
    credential: 'token',
    perform: async (request, token) => ({ status: 200, body: await perform(orThrow(read(request)), token) }),
  };
}
