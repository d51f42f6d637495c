import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Control, takeControl } from '../../task-image/control.ts';
import { type DoorAnswer, doorwayTo } from '../../task-image/doorway.ts';
import { type Asked, type AwsStub, awsError, session, startAwsStub, useStub } from './aws-stub.ts';
import { problemFrom, runId } from './parts.ts';
import { claimed } from './scripted-door.ts';

const arn = 'arn:aws:lambda:eu-west-1:111111111111:function:infra-deployer-worker:live';

let aws: AwsStub;
beforeAll(async () => {
  aws = await startAwsStub();
  useStub(aws, 'LAMBDA');
});

interface Event {
  readonly operation: string;
  readonly request: string;
  readonly token?: string;
}

const eventIn = ({ body }: Asked): Event => JSON.parse(body.toString());
const operations = () => aws.asked.map(one => eventIn(one).operation);
const calls = (operation: string) => operations().filter(one => one === operation).length;

/** The door answers so, by operation; what is not said is agreed to. */
function door(answers: Readonly<Record<string, DoorAnswer>> = {}): void {
  const all: Readonly<Record<string, DoorAnswer>> = { claim: { status: 200, body: claimed() }, ...answers };
  aws.answer(one => ({ body: all[eventIn(one).operation] ?? { status: 200, body: {} } }));
}

let control: Control | undefined;
const take = async (claimMs = 1000): Promise<Control> => {
  control = await takeControl(doorwayTo(`lambda:${arn}`), runId, 'ticket', claimMs);
  return control;
};
afterEach(async () => {
  door();
  await control?.finish({ outcome: 'failed' }).catch(() => {});
  control = undefined;
});

describe('a door that is a function of AWS', () => {
  test('is invoked by its alias with the operation, the request as text, and the token of the run', async () => {
    door();
    const from = aws.asked.length;
    const { phase } = await take();
    await phase('source');
    const [claiming, phasing] = aws.asked.slice(from);
    if (claiming === undefined || phasing === undefined) throw new Error('it was not asked');
    expect(decodeURIComponent(claiming.path)).toBe(`/2015-03-31/functions/${arn}/invocations`);
    expect(claiming.headers).toMatchObject({ 'x-amz-invocation-type': 'RequestResponse' });
    expect(claiming.headers.authorization).toContain('/eu-west-1/lambda/aws4_request');
    expect(claiming.headers).not.toHaveProperty('x-amz-client-context');
    expect(claiming.headers).not.toHaveProperty('x-amz-log-type');
    const { request, ...rest } = eventIn(claiming);
    expect(rest).toEqual({ operation: 'claim' });
    expect(JSON.parse(request)).toEqual({ run: runId, ticket: 'ticket', nonce: expect.any(String) });
    expect(eventIn(phasing)).toEqual({ operation: 'phase', request: '{"phase":"source"}', token: 'token' });
  });

  test.each([
    ['is throttled', awsError('TooManyRequestsException', 429)],
    ['fails inside AWS', awsError('ServiceException', 500)],
    ['is just being changed', awsError('ResourceConflictException', 409)],
    ['ends with an error', { headers: { 'x-amz-function-error': 'Unhandled' }, body: { errorMessage: 'x' } }],
    ['answers what is none', { body: 'no JSON' }],
    ['says that it failed', { body: { status: 500, body: { error: { code: 'E_INTERNAL', message: 'x' } } } }],
  ])('and %s is away: it is asked again', async (_what, answer) => {
    door();
    const { phase, stop } = await take();
    const from = calls('phase');
    aws.answer(one => (eventIn(one).operation === 'phase' ? answer : { body: { status: 200, body: {} } }));
    const reporting = phase('plan');
    await expect.poll(() => calls('phase') - from, { timeout: 10_000 }).toBe(1);
    door();
    await reporting;
    expect(calls('phase') - from).toBeGreaterThan(1);
    expect(stop.aborted).toBe(false);
  });

  test.each([
    ['AccessDeniedException', 403],
    ['ResourceNotFoundException', 404],
  ])('that answers the claim with %s ends the worker at once, in words', async (name, status) => {
    aws.answer(() => awsError(name, status));
    const from = aws.asked.length;
    const problem = await problemFrom(() => take(60_000));
    expect(problem).toMatchObject({ code: 'E_WORKER', message: `AWS does not let this worker ask its door: ${name}` });
    expect(problem.fix).toContain(arn);
    expect(aws.asked.length - from).toBe(1);
  });

  test('that refuses later is asked until the lease is over', async () => {
    door({ claim: { status: 200, body: claimed({ leaseMs: 2000, heartbeatMs: 60_000 }) } });
    const { phase, stop } = await take();
    aws.answer(() => awsError('AccessDeniedException', 403));
    const from = calls('phase');
    expect(await problemFrom(() => phase('plan'))).toMatchObject({ code: 'E_WORKER' });
    expect(calls('phase') - from).toBeGreaterThan(1);
    expect(stop.reason).toBe('lost');
  });

  test('that hangs is given up and asked again', async () => {
    door({ claim: { status: 200, body: claimed({ leaseMs: 2000, heartbeatMs: 60_000 }) } });
    const { phase } = await take();
    const from = calls('phase');
    aws.answer(() => undefined);
    const reporting = phase('plan');
    await expect.poll(() => calls('phase') - from, { timeout: 10_000 }).toBe(1);
    door();
    await reporting;
  });

  test('says why it refuses, as over HTTP', async () => {
    const error = { code: 'E_PLAN_USED', message: 'no', fix: 'plan again', requestId: 'x' };
    door({ phase: { status: 409, body: { error } } });
    const { phase } = await take();
    expect(await problemFrom(() => phase('apply'))).toEqual({ code: 'E_PLAN_USED', message: 'no', fix: 'plan again' });
  });

  test('gets lines in few calls, and all of them before the end', async () => {
    door({ claim: { status: 200, body: claimed({ leaseMs: 60_000, heartbeatMs: 60_000 }) } });
    const { line, finish } = await take();
    const before = calls('log');
    const until = Date.now() + 2500;
    let sent = 0;
    for (; Date.now() < until; sent += 1) {
      await line({ phase: 'plan', text: `line ${sent}` });
      await sleep(20);
    }
    await finish({ outcome: 'succeeded' });
    const logs = aws.asked.map(eventIn).filter(({ operation }) => operation === 'log');
    const texts = logs.flatMap(({ request }) => (JSON.parse(request) as { lines: { text: string }[] }).lines);
    expect(texts.map(({ text }) => text)).toEqual(Array.from({ length: sent }, (_, at) => `line ${at}`));
    expect(calls('log') - before).toBeLessThan(sent / 5);
    expect(operations().lastIndexOf('log')).toBeLessThan(operations().lastIndexOf('finish'));
  });
});

describe('the session of the claim', () => {
  const keys = session('KEYS');

  test('is hidden at once, and gone once it was dropped', async () => {
    door({ claim: { status: 200, body: claimed({ session: keys }) } });
    const { masker, keySession, dropKeySession, claimed: told } = await take();
    expect(masker.masked(`${keys.secretAccessKey} ${keys.sessionToken}`)).toBe('[masked] [masked]');
    expect(keySession()).toEqual(keys);
    expect(told).not.toHaveProperty('session');
    dropKeySession();
    expect(keySession()).toBeUndefined();
  });

  test('and those for the run are hidden when they arrive', async () => {
    const [role, secrets] = [session('ROLE'), session('SECRETS')];
    door({ credentials: { status: 200, body: { role, secrets } } });
    const { masker, credentials } = await take();
    expect(await credentials()).toEqual({ role, secrets });
    for (const { secretAccessKey, sessionToken } of [role, secrets])
      expect(masker.masked(`${secretAccessKey} ${sessionToken}`)).toBe('[masked] [masked]');
  });
});

test.each([
  '',
  'lambda:infra-deployer-worker',
  'lambda:arn:aws:lambda:eu-west-1:111111111111:function:infra-deployer-worker',
  'file:///x',
  'localhost:8080',
])('`%s` is no way to a door', async place => {
  expect(await problemFrom(() => doorwayTo(place))).toMatchObject({ code: 'E_WORKER' });
});
