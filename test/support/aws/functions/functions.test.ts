import { join } from 'node:path';
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../../requirements.ts';
import { startTestFront, type TestFront } from '../test-front.ts';
import { echo, isolated, lambda, lambdaArn, replaced, sink, testWorld } from '../test-world.ts';

const busy = lambdaArn('busy');
const broken = lambdaArn('broken');
const silent = lambdaArn('silent');

describe.skipIf(requires('aws'))('functions', { timeout: 60_000 }, () => {
  let { front, as, stop } = {} as TestFront;
  beforeAll(async () => {
    const world = testWorld();
    const told = (onFailure: string) => ({ retries: 0, maximumAgeSeconds: 1, onFailure }) as const;
    const functions = {
      ...world.functions,
      [sink]: { ...lambda, concurrency: 1, timeoutSeconds: 3, asynchronous: told(`${echo}:live`) },
      [busy]: { ...lambda, concurrency: 1, timeoutSeconds: 60, asynchronous: told(`${echo}:live`) },
      [broken]: {
        ...lambda,
        code: { bundle: join(import.meta.dirname, 'nothing.js') },
        asynchronous: told(`${echo}:live`),
      },
      [replaced]: lambda,
      [silent]: { ...lambda, asynchronous: told(`${sink}:live`) },
    };
    ({ front, as, stop } = await startTestFront({ world: { ...world, functions } }));
  }, 120_000);
  afterAll(() => stop?.());

  const invoke = async (FunctionName: string, event: unknown, input: Partial<InvokeCommandInput> = {}) => {
    const command = new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)), ...input });
    const { Payload, ...answer } = await new LambdaClient(as).send(command);
    return { ...answer, payload: Payload?.length ? JSON.parse(Buffer.from(Payload).toString()) : undefined };
  };

  it('run in an environment with nothing but what Lambda sets', async () => {
    const { payload, StatusCode } = await invoke(`${echo}:live`, { a: 1 });
    expect(StatusCode).toBe(200);
    expect(payload.event).toEqual({ a: 1 });
    const { PATH: _, TMPDIR: _dir, ...env } = payload.env;
    expect(
      Object.keys(env)
        .filter(name => !/^(AWS_|_)/.test(name))
        .sort(),
    ).toEqual(['GREETING', 'LAMBDA_TASK_ROOT', 'LANG', 'TZ']);
    expect(env).toMatchObject({ GREETING: 'hello', AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: front.url });
    expect(payload.context).toMatchObject({ functionName: 'echo', invokedFunctionArn: `${echo}:live` });
  });

  it('are found by ARN, by name and by qualifier, and only by the alias that a policy names', async () => {
    await expect(invoke('echo', {}, { Qualifier: 'live' })).resolves.toMatchObject({ StatusCode: 200 });
    await expect(invoke('echo:live', {})).resolves.toMatchObject({ StatusCode: 200 });
    for (const name of ['echo', 'echo:2', echo, `${echo}:$LATEST`]) {
      await expect(invoke(name, {})).rejects.toMatchObject({ name: 'AccessDeniedException' });
    }
  });

  const calls = () => front.functionLog(replaced).match(/^called/gm)?.length;

  it('are replaced for whoever invokes them next, and end what is under way', async () => {
    const count = async () => (await invoke(`${replaced}:live`, {})).payload.count;
    expect(await count()).toBe(1);
    const slow = invoke(`${replaced}:live`, { sleepMs: 1000 });
    await expect.poll(calls, { timeout: 20_000 }).toBe(2);
    front.replaceCode(replaced, { ...lambda.code });
    expect([await count(), await count()]).toEqual([1, 2]);
    expect((await slow).payload).toMatchObject({ count: 2 });
  });

  it('are killed in the middle of what they do, and begin anew', async () => {
    const killed = invoke(`${replaced}:live`, { sleepMs: 60_000 });
    await expect.poll(calls, { timeout: 20_000 }).toBe(5);
    await front.killFunction(replaced);
    expect(await killed).toMatchObject({ FunctionError: 'Unhandled', payload: { errorType: 'Runtime.ExitError' } });
    expect((await invoke(`${replaced}:live`, {})).payload).toMatchObject({ count: 1 });
  });

  it('use an environment again, and another one at the same time', async () => {
    const { payload: first } = await invoke(`${echo}:live`, {});
    const { payload: again } = await invoke(`${echo}:live`, {});
    expect(again).toMatchObject({ pid: first.pid, count: first.count + 1 });
    const both = await Promise.all([1, 2].map(() => invoke(`${echo}:live`, { sleepMs: 2000 })));
    expect(new Set(both.map(({ payload }) => payload.pid)).size).toBe(2);
  });

  it('show the caller the end of what they print, when asked, and what the client sent along', async () => {
    const ClientContext = Buffer.from('{"custom":{"a":"b"}}').toString('base64');
    const { LogResult = '', payload } = await invoke(`${echo}:live`, {}, { LogType: 'Tail', ClientContext });
    const log = Buffer.from(LogResult, 'base64').toString();
    expect(log).toMatch(/^START RequestId: .+\ncalled \d+\n.+\tINFO\tby console\nEND RequestId: .+\nREPORT /);
    expect(payload.context.clientContext).toEqual({ custom: { a: 'b' } });
    expect((await invoke(`${echo}:live`, {})).LogResult).toBeUndefined();
  });

  it('say how they failed', async () => {
    await expect(invoke(`${echo}:live`, { fail: 'too far' })).resolves.toMatchObject({
      FunctionError: 'Unhandled',
      payload: { errorType: 'RangeError', errorMessage: 'too far' },
    });
    await expect(invoke(`${echo}:live`, { exit: 3 })).resolves.toMatchObject({
      FunctionError: 'Unhandled',
      payload: { errorType: 'Runtime.ExitError' },
    });
    await expect(invoke(`${sink}:live`, { sleepMs: 60_000 })).resolves.toMatchObject({
      FunctionError: 'Unhandled',
      payload: { errorType: 'Sandbox.Timedout', errorMessage: expect.stringContaining('timed out after 3.00 seconds') },
    });
  });

  it('say that they cannot start', async () => {
    front.deliver(`${broken}:live`, {});
    await expect
      .poll(() => front.functionLog(echo), { timeout: 20_000 })
      .toContain('told of RetriesExhausted, Runtime.ImportModuleError');
  });

  it('take no more at once than their concurrency', async () => {
    const [first, second] = await Promise.allSettled([1, 2].map(() => invoke(`${sink}:live`, { sleepMs: 60_000 })));
    expect([first?.status, second?.status].sort()).toEqual(['fulfilled', 'rejected']);
    const reason = [first, second].find(one => one?.status === 'rejected')?.reason;
    expect(reason).toMatchObject({ name: 'TooManyRequestsException' });
  });

  it('keep tenants apart, and want one named', async () => {
    const { payload: a } = await invoke(`${isolated}:live`, {}, { TenantId: 'a' });
    const { payload: b } = await invoke(`${isolated}:live`, {}, { TenantId: 'b' });
    expect(b.pid).not.toBe(a.pid);
    expect((await invoke(`${isolated}:live`, {}, { TenantId: 'a' })).payload.pid).toBe(a.pid);
    expect(a.context.tenantId).toBe('a');
    await expect(invoke(`${isolated}:live`, {})).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
    await expect(invoke(`${echo}:live`, {}, { TenantId: 'a' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    });
  });

  it('take events, and tell of those that fail', async () => {
    const answer = await invoke(`${sink}:live`, { fail: 'as an event' }, { InvocationType: 'Event' });
    expect(answer).toMatchObject({ StatusCode: 202, payload: undefined });
    await expect
      .poll(() => front.functionLog(echo), { timeout: 20_000 })
      .toContain('told of RetriesExhausted, RangeError');
    expect(front.functionLog(sink)).toContain('as an event');
  });

  it('take events from services, and tell of those that waited too long', async () => {
    front.deliver(`${busy}:live`, { sleepMs: 60_000 });
    front.deliver(`${busy}:live`, {});
    await expect.poll(() => front.functionLog(echo), { timeout: 20_000 }).toContain('told of EventAgeExceeded');
  });

  it('tell nobody whom their role may not invoke', async () => {
    front.deliver(`${silent}:live`, { fail: 'unheard' });
    const refused = { action: 'lambda:InvokeFunction', resource: `${sink}:live`, allowed: false };
    await expect.poll(() => front.calls, { timeout: 20_000 }).toContainEqual(expect.objectContaining(refused));
    expect(front.functionLog(sink)).not.toContain('RetriesExhausted');
  });

  it('take a payload that is small enough', async () => {
    const event = (bytes: number) => 'x'.repeat(bytes - 2);
    const limits = [
      [1024 * 1024, 'Event'],
      [6 * 1024 * 1024, 'RequestResponse'],
    ] as const;
    for (const [limit, InvocationType] of limits) {
      await expect(invoke(`${echo}:live`, event(limit), { InvocationType })).resolves.toBeDefined();
      await expect(invoke(`${echo}:live`, event(limit + 1), { InvocationType })).rejects.toMatchObject({
        name: 'RequestTooLargeException',
      });
    }
  });
});
