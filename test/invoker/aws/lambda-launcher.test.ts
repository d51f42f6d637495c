import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lambdaLauncher } from '../../../invoker/aws/lambda-launcher.ts';
import type { WorkerPlatform } from '../../../invoker/aws/launcher.ts';
import { cancel, type RunRecord, start } from '../../../invoker/run.ts';
import { value } from '../../support/value.ts';
import { launcherContract, lost, told } from '../launcher-contract.ts';
import { queuedRun, t0 } from '../sample-run.ts';
import { type AwsAnswer, type AwsEndpoint, awsEndpoint } from './aws-endpoint.ts';
import { launcherOn } from './pools.ts';

const [plan, apply] = ['plan', 'apply'].map(
  name => `arn:aws:lambda:eu-west-1:111111111111:function:infra-deployer-${name}:live`,
) as [string, string];

let answer: AwsAnswer | undefined;
let aws: AwsEndpoint;
let now: number;
let platform: WorkerPlatform;
const on = (perTenant = true) =>
  lambdaLauncher({ client: new LambdaClient(aws.client), settings: { plan, apply, perTenant }, now: () => now });

beforeEach(async () => {
  now = t0;
  answer = { status: 202 };
  aws = await awsEndpoint(() => answer);
  platform = on();
});
afterEach(() => aws.close());

const startedRun = (): RunRecord =>
  value(start(queuedRun(), 'digest', now, { worker: 'lambda', startMs: platform.startMs }));

describe('the invocation', () => {
  test('is an event that hands over the run and its ticket, and nothing else', async () => {
    const run = startedRun();
    expect(await platform.start(run, 'the ticket', 'plan')).toBeUndefined();
    expect(aws.calls).toMatchObject([
      {
        operation: `POST /2015-03-31/functions/${encodeURIComponent(plan)}/invocations`,
        headers: { 'x-amz-invocation-type': 'Event', 'x-amz-tenant-id': run.id },
      },
    ]);
    expect(aws.calls[0]?.headers).not.toHaveProperty('x-amz-client-context');
    expect(aws.calls[0]?.body).toEqual({ run: run.id, ticket: 'the ticket' });
  });

  test('is of the function for reviewed code where the run is of that', async () => {
    await platform.start(startedRun(), 'the ticket', 'apply');
    expect(aws.calls[0]?.operation).toContain(encodeURIComponent(apply));
  });

  test('names no tenant where the platform knows none', async () => {
    await on(false).start(startedRun(), 'the ticket', 'plan');
    expect(aws.calls[0]?.headers).not.toHaveProperty('x-amz-tenant-id');
  });
});

describe('an invocation that Lambda refuses', () => {
  test.each([
    ['TooManyRequestsException', 429, true],
    ['ThrottlingException', 400, true],
    ['ResourceConflictException', 409, true],
    ['ServiceException', 500, true],
    ['ENILimitReachedException', 502, true],
    ['AccessDeniedException', 403, false],
    ['ResourceNotFoundException', 404, true],
    ['InvalidParameterValueException', 400, false],
    ['RequestTooLargeException', 413, false],
  ])('with %s is told in words; again only where that helps', async (error, status, again) => {
    answer = { error, status, body: { message: 'so it is', Message: 'so it is' } };
    const notStarted = await platform.start(startedRun(), 'the ticket', 'plan');
    expect(notStarted).toEqual({ failed: `${error}: so it is`, ...(again ? { again } : {}) });
  });

  test('or took, but nobody knows since the answer got lost, may be tried again', async () => {
    answer = undefined;
    expect(await platform.start(startedRun(), 'the ticket', 'plan')).toMatchObject({ again: true });
  });
});

describe('a function', () => {
  test('that did not begin in time is given up, and another one tried', async () => {
    const run = startedRun();
    now = t0 + 60_000;
    expect(await platform.look(run)).toBeUndefined();
    now += 1;
    expect(await platform.look(run)).toEqual({ failed: 'the function did not begin within 60 s', again: true });
  });

  test('that has told its end is gone', async () => {
    expect(await platform.settle(told(startedRun()))).toBe(true);
  });

  test('that was never claimed holds no path', async () => {
    expect(await platform.settle(value(cancel(startedRun(), now)))).toBe(true);
  });

  test('that fell silent is gone when all of its time since its claim is over, and not before', async () => {
    const run = { ...lost(startedRun()), claimedAt: t0 + 50_000 };
    const latest = t0 + 50_000 + 900_000;
    for (const at of [t0, latest]) {
      now = at;
      expect(await platform.settle(run)).toBe(false);
    }
    now = latest + 10_001;
    expect(await platform.settle(run)).toBe(true);
  });
});

launcherContract('Lambda', async () => {
  const launcher = () => launcherOn({ lambda: on() });
  let hasEnded = false;
  return {
    launcher: launcher(),
    successor: launcher(),
    wait: ms => {
      now += ms;
    },
    handed: async () => aws.calls[0]?.body,
    // Lambda ends what goes on for too long.
    isAlive: () => !hasEnded && now < t0 + 900_000,
    end: async () => {
      hasEnded = true;
    },
    close: () => {},
  };
});
