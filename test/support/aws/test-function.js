// What the front's tests invoke: does what its event says.
import { setTimeout } from 'node:timers/promises';

let count = 0;
export async function handler(event, context) {
  count += 1;
  process.stdout.write(`called ${count}\n`);
  if (event.requestContext) {
    process.stdout.write(`told of ${event.requestContext.condition}, ${event.responsePayload?.errorType}\n`);
  }
  if (event.detail) process.stdout.write(`told of ${event['detail-type']}, ${event.detail.stopCode}\n`);
  console.log('by console');
  if (event.sleepMs) await setTimeout(event.sleepMs);
  if (event.exit) process.exit(event.exit);
  if (event.fail) throw new RangeError(event.fail);
  return { event, count, pid: process.pid, env: process.env, context: { ...context } };
}
