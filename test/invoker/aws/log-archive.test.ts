/** Logs of ended runs in CloudWatch Logs: every line, in order, within what CloudWatch takes. */
import { CloudWatchLogsClient, CreateLogGroupCommand, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logArchive } from '../../../invoker/aws/log-archive.ts';
import type { Logs } from '../../../invoker/ledger.ts';
import { newRunId } from '../../../invoker/secret.ts';
import { requires } from '../../support/requirements.ts';
import { awsEndpoint } from './aws-endpoint.ts';
import { type Installation, startInstallation } from './installation.ts';

/** Batches of lines, as a port has them. */
function logsOf(batches: readonly (readonly string[])[]): Pick<Logs, 'read'> {
  return {
    read: async (_run, cursor) => ({
      lines: (batches[cursor] ?? []).map(text => ({ phase: 'plan', text })),
      cursor: Math.min(cursor + 1, batches.length),
      more: cursor + 1 < batches.length,
    }),
  };
}

describe.skipIf(requires('aws', 'terraform', 'aws provider'))('in CloudWatch Logs', { timeout: 60_000 }, () => {
  let aws: Installation;
  let group: string;
  beforeAll(async () => {
    aws = await startInstallation();
    const settings = aws.rendered.functions.keeper?.env.INFRA_DEPLOYER_SETTINGS ?? '{}';
    group = (JSON.parse(settings) as { logGroup: string }).logGroup;
    await new CloudWatchLogsClient(aws.admin).send(new CreateLogGroupCommand({ logGroupName: group }));
  }, 120_000);
  afterAll(() => aws?.stop());

  const archive = (id: string, logs: Pick<Logs, 'read'>, role: 'keeper' | 'worker' = 'keeper') =>
    logArchive({ client: new CloudWatchLogsClient(aws.as(role)), group, logs, now: Date.now })({ id });
  const archived = async (id: string): Promise<string[]> => {
    const client = new CloudWatchLogsClient(aws.admin);
    const texts: string[] = [];
    for (let nextToken: string | undefined, before: string | undefined = ''; nextToken !== before; ) {
      before = nextToken;
      const asked = {
        logGroupName: group,
        logStreamName: id,
        startFromHead: true,
        ...(before && { nextToken: before }),
      };
      const { events = [], nextForwardToken } = await client.send(new GetLogEventsCommand(asked));
      texts.push(...events.map(({ message = '' }) => message));
      nextToken = nextForwardToken;
    }
    return texts;
  };

  test('every line of a run lies in a stream of its own, in order and without colour', async () => {
    const id = newRunId();
    await archive(id, logsOf([['\u001b[31mred\u001b[0m', '', 'three €'], [], ['four']]));
    expect(await archived(id)).toEqual(['red', ' ', 'three €', 'four']);
  });

  test('a run without output has an empty stream', async () => {
    const id = newRunId();
    await archive(id, logsOf([]));
    expect(await archived(id)).toEqual([]);
  });

  test('a long log is taken in pieces', async () => {
    const id = newRunId();
    const lines = Array.from({ length: 25_000 }, (_, n) => `line ${n}`);
    const wide = Array.from({ length: 30 }, (_, n) => `${n} ${'€'.repeat(50_000)}`);
    await archive(id, logsOf([lines, wide]));
    expect(await archived(id)).toEqual([...lines, ...wide]);
  });

  test('after a crash in the middle nothing is missing', async () => {
    const id = newRunId();
    const logs = logsOf([['one'], ['two'], ['three']]);
    aws.front.inject('logs:PutLogEvents', { delayMs: 0 }, 1);
    aws.front.inject('logs:PutLogEvents', { error: { code: 'ServiceUnavailableException', status: 503 } }, 1);
    await expect(archive(id, logs)).rejects.toThrow();
    await archive(id, logs);
    expect(await archived(id)).toEqual(['one', 'one', 'two', 'three']);
  });

  test('nobody but the keeper writes there', async () => {
    await expect(archive(newRunId(), logsOf([['x']]), 'worker')).rejects.toThrow(/not authorized/);
  });
});

test('a line that CloudWatch drops is a failure', async () => {
  const endpoint = await awsEndpoint(({ operation }) =>
    operation === 'PutLogEvents' ? { body: { rejectedLogEventsInfo: { tooOldLogEventEndIndex: 1 } } } : {},
  );
  const client = new CloudWatchLogsClient(endpoint.client);
  const archive = logArchive({ client, group: '/g', logs: logsOf([['one']]), now: Date.now });
  await expect(archive({ id: 'r_1' })).rejects.toThrow('dropped lines of r_1');
  await endpoint.close();
});

test('no request says more than CloudWatch takes at once', async () => {
  const endpoint = await awsEndpoint(() => ({}));
  const client = new CloudWatchLogsClient(endpoint.client);
  const lines = [...Array.from({ length: 20_001 }, () => ''), ...Array.from({ length: 8 }, () => '€'.repeat(200_000))];
  await logArchive({ client, group: '/g', logs: logsOf([lines]), now: () => 1_700_000_000_000 })({ id: 'r_1' });
  const puts = endpoint.calls.filter(({ operation }) => operation === 'PutLogEvents');
  const sent = puts.map(({ body }) => (body as { logEvents: { timestamp: number; message: string }[] }).logEvents);
  expect(sent.flat()).toHaveLength(lines.length);
  expect(new Set(sent.flat().map(({ timestamp }) => timestamp))).toEqual(new Set([1_700_000_000_000]));
  for (const events of sent) {
    const size = events.reduce((sum, { message }) => sum + Buffer.byteLength(message) + 26, 0);
    expect([events.length <= 10_000, size <= 1_048_576, events.every(({ message }) => message !== '')]).toEqual([
      true,
      true,
      true,
    ]);
  }
  await endpoint.close();
});
