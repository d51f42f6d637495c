/** The worker door over HTTP, for workers on this machine. */
import { ErrorSchema } from '../../policies/contract/error.ts';
import { maxWorkerBodyBytes } from '../../policies/contract/worker.ts';
import type { App } from '../app.ts';
import { bearerOf } from '../bearer.ts';
import type { DoorOperation } from '../door-operation.ts';

export const workerDoor =
  (operations: Readonly<Record<string, DoorOperation>>) =>
  async (app: App): Promise<void> => {
    for (const [name, { summary, body, answer, perform }] of Object.entries(operations))
      app.route({
        method: 'POST',
        url: `/worker/v1/${name}`,
        bodyLimit: maxWorkerBodyBytes,
        schema: { summary, body, response: { 200: answer, '4xx': ErrorSchema, '5xx': ErrorSchema } },
        handler: async request => perform(request.body, bearerOf(request)),
      });
  };
