import { createHash } from 'node:crypto';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Finish } from '../../policies/contract/worker.ts';
import { type Control, takeControl } from '../../task-image/control.ts';
import { doorwayTo } from '../../task-image/doorway.ts';
import { erroredState } from '../../task-image/errored-state.ts';
import type { Places } from '../../task-image/places.ts';
import { work } from '../../task-image/work.ts';
import { leftProcesses } from '../end-to-end/leftovers.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Answered, startAwsStub } from './aws-stub.ts';
import { isolation, runId } from './parts.ts';
import { type ScriptedDoor, startScriptedDoor } from './scripted-door.ts';

const s3 = await startAwsStub();
const url = `${s3.url}/plans/errored-states/${runId}.tfstate?X-Amz-Signature=the-right-to-write`;
const place = `${s3.url}/plans/errored-states/${runId}.tfstate`;
beforeEach(() => s3.answer(() => ({})));

const failed: Finish = { outcome: 'failed', error: { code: 'E_APPLY', message: 'it failed', fix: 'do this' } };

/** A stack's directory with what an apply has left in it. */
function left(text?: string, granted: string | undefined = url) {
  const cwd = temporaryDirectory('stack');
  if (text !== undefined) writeFileSync(join(cwd, 'errored.tfstate'), text);
  return { cwd, ...erroredState({ grantErroredState: async () => granted }, cwd) };
}

describe('a state that its backend did not take', () => {
  test('is put where the door says, created and not replaced, and its caller is told where', async () => {
    const { prepare, toldIn } = left('{"serial": 1}');
    await prepare();
    const before = s3.asked.length;
    const { error } = await toldIn(failed);
    const [put, ...more] = s3.asked.slice(before);
    expect(more).toEqual([]);
    expect(put).toMatchObject({ method: 'PUT', headers: { 'if-none-match': '*' } });
    expect(`${put?.body}`).toBe('{"serial": 1}');
    expect(error).toEqual({
      code: 'E_APPLY',
      message: 'it failed, and the backend did not take the state',
      fix: `an admin finds it at \`${place}\`: push it with \`terraform state push\` before anything else is planned; do this`,
    });
  });

  test('is put there once, as soon as somebody wants it kept', async () => {
    const { prepare, keep, toldIn } = left('{"serial": 2}');
    await prepare();
    const before = s3.asked.length;
    await Promise.all([keep(), keep()]);
    expect((await toldIn(failed)).error?.fix).toContain(place);
    expect(s3.asked.length - before).toBe(1);
  });

  test('is what the launcher looks for where the door names no place', async () => {
    const before = s3.asked.length;
    const { toldIn } = left('{"serial": 3}');
    expect((await toldIn(failed)).error?.fix).toContain('in `state/` of the data directory');
    expect(s3.asked.length).toBe(before);
  });

  test('is not there where nothing was left, or the apply went well', async () => {
    const before = s3.asked.length;
    const none = left();
    await none.prepare();
    expect(await none.toldIn(failed)).toEqual(failed);
    const forged = left('{"serial": 4}');
    await forged.prepare();
    expect(await forged.toldIn({ outcome: 'succeeded' })).toEqual({ outcome: 'succeeded' });
    expect(s3.asked.length).toBe(before);
  });

  test('is no link to something else', async () => {
    const { cwd, prepare, toldIn } = left();
    symlinkSync('/etc/hostname', join(cwd, 'errored.tfstate'));
    await prepare();
    expect(await toldIn(failed)).toEqual(failed);
  });

  test.each<[string, (tries: number) => Answered]>([
    ['is busy at first', tries => ({ status: tries === 1 ? 503 : 200 })],
    ['has it from a try whose answer got lost', tries => ({ status: tries === 1 ? 500 : 412 })],
  ])('is asked for again where the store %s', async (_what, answer) => {
    let tries = 0;
    s3.answer(() => {
      tries += 1;
      return answer(tries);
    });
    const { prepare, toldIn } = left('{"serial": 5}');
    await prepare();
    expect((await toldIn(failed)).error?.fix).toContain(place);
    expect(tries).toBe(2);
  });

  test.each([
    ['refuses', { status: 403 }, 'status 403'],
    ['has another', { status: 412 }, 'status 412'],
    ['leads elsewhere', { status: 307, headers: { location: '/elsewhere' } }, 'status 307'],
  ])('could not be kept where the store %s, and its caller is told', async (_what, answer, why) => {
    s3.answer(() => answer);
    const before = s3.asked.length;
    const { prepare, toldIn } = left('{"serial": 6}');
    await prepare();
    const { error } = await toldIn(failed);
    expect(error?.message).toBe(
      `it failed, and the backend did not take the state, which could not be kept either: ${why}`,
    );
    expect(error?.fix).toContain('import what this apply has made');
    expect(JSON.stringify(error)).not.toContain('the-right-to-write');
    expect(s3.asked.length - before).toBe(1);
  });
});

const endless = `terraform {
  backend "http" {}
}
resource "terraform_data" "made" {}
resource "terraform_data" "x" {
  depends_on = [terraform_data.made]
  provisioner "local-exec" {
    command = "sleep 60"
  }
}
`;

interface Applying {
  readonly control: Control;
  readonly door: ScriptedDoor;
  readonly done: Promise<void>;
}

/** Plans and applies as a worker does, at a backend that takes no state; answers when the apply is in its sleep. */
async function applying(graceMs: number): Promise<Applying> {
  const plans = await startAwsStub();
  let stored: Buffer = Buffer.alloc(0);
  plans.answer(({ method, body }) => {
    if (method === 'PUT') stored = body;
    return { body: method === 'PUT' ? '' : stored };
  });
  const backend = await startAwsStub();
  backend.answer(({ method }) => ({ status: method === 'POST' ? 403 : 404 }));
  const repository = bareRepository(join(temporaryDirectory('repo'), 'infra.git'), { 'prod/vpc/main.tf': endless });
  const rules = [{ name: 'all', allow: ['plan', 'apply'], refs: ['refs/heads/**'], paths: ['prod/**'] }];
  const stack = {
    paths: ['prod/**'],
    backend: { type: 'http', config: { address: backend.url } },
    gate: { allow: ['provisioner'] },
  };
  const policy = { version: 1, repositories: { 'infra-live': { url: repository.dir, rules, stacks: [stack] } } };
  const directory = temporaryDirectory('work');
  const places: Places = {
    runDir: join(directory, 'run'),
    cloneDir: join(directory, 'clone'),
    dataDir: join(directory, 'data'),
    path: process.env.PATH ?? '/usr/bin:/bin',
  };
  const begin = async (command: 'plan' | 'apply', source: object): Promise<Applying> => {
    const request = { command, path: 'prod/vpc', ref: 'refs/heads/main' };
    const door = await startScriptedDoor({ policy, command, request, graceMs, leaseMs: 60_000 });
    door.answer('source', source);
    door.answer('plan', { url: plans.url });
    door.answer('errored-state', { url });
    const control = await takeControl(doorwayTo(door.url), runId, 'ticket');
    return { control, door, done: work(control, places, isolation) };
  };
  const planning = await begin('plan', { keepPlan: true });
  await planning.done;
  await planning.door.away();
  const digest = createHash('sha256').update(stored).digest('hex');
  const plan = { planId: 'p', url: plans.url, digest, size: stored.length };
  const running = await begin('apply', { keepPlan: false, plan });
  const isAsleep = () => leftProcesses(places.runDir).some(line => line.startsWith('sleep 60'));
  await expect.poll(isAsleep, { timeout: 30_000 }).toBe(true);
  return running;
}

describe.skipIf(requires('terraform'))('a worker that its platform ends in an apply', { timeout: 90_000 }, () => {
  const puts = () => s3.asked.filter(({ method }) => method === 'PUT').length;

  test('interrupts Terraform at once, keeps the state, and tells where it is before it ends', async () => {
    const before = puts();
    const { control, door, done } = await applying(60_000);
    control.halt('terminated');
    await done;
    expect(puts() - before).toBe(1);
    expect(`${s3.asked.at(-1)?.body}`).toContain('"made"');
    const operations = door.calls.map(({ operation }) => operation);
    expect(operations.indexOf('errored-state')).toBeLessThan(
      door.calls.findIndex(({ operation, body }) => operation === 'phase' && JSON.stringify(body).includes('apply')),
    );
    const report = door.of('finish')[0]?.body as Finish;
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'E_LOST' } });
    expect(report.error?.fix).toContain(place);
    expect(door.lines().join('\n')).toContain('Failed to save state');
    await door.away();
  });

  test('keeps the state without a door too, by the grant that it has, and before anything that waits for one', async () => {
    const before = puts();
    const { control, door, done } = await applying(60_000);
    await door.away();
    control.halt('terminated');
    await expect.poll(() => puts() - before, { timeout: 20_000 }).toBe(1);
    expect(`${s3.asked.at(-1)?.body}`).toContain('"made"');
    await door.back();
    await done;
    const report = door.of('finish')[0]?.body as Finish;
    expect(report.error?.fix).toContain(place);
    await door.away();
  });
});
