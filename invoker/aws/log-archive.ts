/** Copies the log of an ended run to CloudWatch Logs, a stream per run, where it stays as long as the group keeps it. */
import {
  type CloudWatchLogsClient,
  CreateLogStreamCommand,
  type InputLogEvent,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { withoutColour } from '../../policies/printable.ts';
import type { Logs } from '../ledger.ts';
import type { RunRecord } from '../run.ts';

export interface LogArchiveParts {
  readonly client: CloudWatchLogsClient;
  readonly group: string;
  readonly logs: Pick<Logs, 'read'>;
  readonly now: () => number;
}

/** The wider the pages, the less is read twice; the function has the room. */
const pageBytes = 4 * 1024 * 1024;
/** Of PutLogEvents: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
const mostEvents = 10_000;
const mostBytes = 1_000_000;
const eventCost = 26;

/** After a crash in the middle the beginning is there twice: nothing is ever missing. */
export function logArchive({ client, group, logs, now }: LogArchiveParts) {
  return async ({ id }: Pick<RunRecord, 'id'>): Promise<void> => {
    // That of the copy: CloudWatch drops what is older than the group keeps, and lines of a run have no time of their own.
    const timestamp = now();
    const stream = { logGroupName: group, logStreamName: id };
    await client.send(new CreateLogStreamCommand(stream)).catch(error => {
      if (error.name !== 'ResourceAlreadyExistsException') throw error;
    });
    for (let cursor = 0, more = true; more; ) {
      const page = await logs.read(id, cursor, pageBytes);
      // An event is never empty.
      const events = page.lines.map(({ text }) => ({ timestamp, message: withoutColour(text) || ' ' }));
      for (const logEvents of batches(events)) {
        const { rejectedLogEventsInfo: dropped } = await client.send(new PutLogEventsCommand({ ...stream, logEvents }));
        if (dropped) throw new Error(`CloudWatch has dropped lines of ${id}: ${JSON.stringify(dropped)}`);
      }
      [cursor, more] = [page.cursor, page.more];
    }
  };
}

function batches(events: readonly InputLogEvent[]): InputLogEvent[][] {
  const all: InputLogEvent[][] = [];
  let size = 0;
  for (const event of events) {
    const cost = Buffer.byteLength(event.message ?? '') + eventCost;
    const last = all.at(-1);
    if (last === undefined || last.length === mostEvents || size + cost > mostBytes) {
      all.push([event]);
      size = cost;
    } else {
      last.push(event);
      size += cost;
    }
  }
  return all;
}
