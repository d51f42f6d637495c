import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Claimed, Finish } from '../../policies/contract/worker.ts';
import { type Control, takeControl } from '../../task-image/control.ts';
import { doorwayTo } from '../../task-image/doorway.ts';
import type { Places } from '../../task-image/places.ts';
import { work } from '../../task-image/work.ts';
import { leftProcesses } from '../end-to-end/leftovers.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { isolation, runId } from './parts.ts';
import { newPipe, type Pipe } from './pipe.ts';
import { type ScriptedDoor, startScriptedDoor } from './scripted-door.ts';

let door: ScriptedDoor;
afterEach(() => door.away());

interface Started {
  readonly control: Control;
  readonly places: Places;
  readonly done: Promise<void>;
}

/** A worker on a stack that is in this repository, at a door that agrees to everything. */
async function start(
  stack: string | Pipe,
  differences: Partial<Claimed> = {},
  mayBeLocal = true,
  how = isolation,
): Promise<Started> {
  const [text, shown] = typeof stack === 'string' ? [stack, { paths: ['prod/**'] }] : [stack.stack, stack.shown];
  const stacks = [shown];
  const repository = bareRepository(join(temporaryDirectory('repo'), 'infra.git'), { 'prod/vpc/main.tf': text });
  const rules = [{ name: 'all', allow: ['plan', 'apply'], refs: ['refs/heads/**'], paths: ['prod/**'] }];
  const repositories = { 'infra-live': { url: repository.dir, rules, stacks } };
  door = await startScriptedDoor({ policy: { version: 1, repositories }, ...differences });
  const control = await takeControl(doorwayTo(door.url), runId, 'ticket');
  const directory = temporaryDirectory('work');
  const places: Places = {
    runDir: join(directory, 'run'),
    cloneDir: join(directory, 'clone'),
    dataDir: join(directory, 'data'),
    path: process.env.PATH ?? '/usr/bin:/bin',
    cacheDir: join(directory, 'cache'),
    ...(mayBeLocal ? { stateFile: join(temporaryDirectory('state'), 'x.tfstate') } : {}),
  };
  return { control, places, done: work(control, places, how) };
}

/** Waits until Terraform plans, and holds it there. */
async function planning({ places }: Started): Promise<void> {
  const isPlanning = () => leftProcesses(places.runDir).some(line => line.includes(' plan '));
  for (let waits = 0; !isPlanning() && waits < 300; waits += 1) await sleep(20);
}

const report = (): Finish => door.of('finish')[0]?.body as Finish;

function nothingLeft({ places }: Started): void {
  expect([places.runDir, places.cloneDir, places.dataDir].filter(existsSync)).toEqual([]);
  expect(leftProcesses(places.runDir)).toEqual([]);
}

describe.skipIf(requires('terraform'))('a worker', { timeout: 90_000 }, () => {
  test('tells its phases, its source, what it planned, and then the end', async () => {
    const started = await start('resource "terraform_data" "x" {}\n');
    await started.done;
    expect(door.of('phase').map(({ body }) => body)).toEqual([
      { phase: 'gate' },
      { phase: 'init' },
      { phase: 'plan' },
      { phase: 'finish' },
    ]);
    expect(door.of('source')).toMatchObject([{ body: { ref: 'refs/heads/main' } }]);
    const counts = { create: 1, update: 0, delete: 0, replace: 0 };
    expect(report()).toMatchObject({ outcome: 'succeeded', hasChanges: true, counts, state: { before: 0 } });
    expect(door.calls.at(-1)?.operation).toBe('finish');
    nothingLeft(started);
  });

  test('keeps what it has read only where planned code cannot write it', async () => {
    for (const kind of ['none', 'namespace'] as const) {
      if (kind !== 'none' && isolation.kind !== kind) continue;
      const how = kind === 'none' ? { kind, why: 'nobody asked' } : isolation;
      const { places, done } = await start('resource "terraform_data" "x" {}\n', {}, true, how);
      await done;
      expect(report()).toMatchObject({ outcome: 'succeeded' });
      expect([kind, existsSync(join(places.cacheDir ?? '', 'hcl'))]).toEqual([kind, kind !== 'none']);
      await door.away();
    }
  });

  test('that reaches its deadline interrupts Terraform, kills it after the grace period, and says so', async () => {
    const started = await start(newPipe(), { deadlineMs: 10_000, graceMs: 500 });
    const began = Date.now();
    await started.done;
    expect(Date.now() - began).toBeLessThan(60_000);
    expect(report()).toMatchObject({ outcome: 'timed_out', error: { code: 'E_TIMED_OUT' } });
    expect(door.lines().join('\n')).toContain('Interrupt received');
    nothingLeft(started);
  });

  test('that reaches its deadline lets Terraform end by itself within the grace period', async () => {
    const pipe = newPipe();
    const started = await start(pipe, { deadlineMs: 2000, graceMs: 60_000 });
    await planning(started);
    await sleep(2000);
    const going = setInterval(pipe.letGo, 20);
    await started.done;
    clearInterval(going);
    expect(report()).toMatchObject({ outcome: 'timed_out' });
    nothingLeft(started);
  });

  test('that is canceled says so, whatever Terraform said of it', async () => {
    const started = await start(newPipe(), { graceMs: 300 });
    await planning(started);
    door.answer('heartbeat', { stop: 'canceled' });
    await started.done;
    expect(report()).toEqual({ outcome: 'canceled', error: { code: 'E_CANCELED', message: 'the run was canceled' } });
    nothingLeft(started);
  });

  test('that is ended by its platform says so', async () => {
    const started = await start(newPipe(), { graceMs: 300 });
    await planning(started);
    started.control.halt('terminated');
    await started.done;
    expect(report()).toMatchObject({ outcome: 'failed', error: { code: 'E_LOST' } });
    nothingLeft(started);
  });

  test('without a door for one lease stops Terraform and cleans up', async () => {
    const started = await start(newPipe(), { graceMs: 300, leaseMs: 3000 });
    await planning(started);
    await door.away();
    await expect(started.done).rejects.toThrow('the door was not reached for one lease');
    nothingLeft(started);
  });

  test('stops before Terraform when it was canceled while it fetched', async () => {
    const started = await start('resource "terraform_data" "x" {}\n', { heartbeatMs: 60_000, leaseMs: 60_000 });
    door.answer('phase', { stop: 'canceled' });
    await started.done;
    expect(report()).toMatchObject({ outcome: 'canceled' });
    expect(door.lines()).toEqual([]);
    nothingLeft(started);
  });

  test('obeys the policy it claimed, not the door alone', async () => {
    const started = await start('resource "terraform_data" "x" {}\n', {
      request: { command: 'plan', path: 'staging/vpc', ref: 'refs/heads/main' },
    });
    await started.done;
    expect(report()).toMatchObject({ outcome: 'failed', error: { code: 'E_PATH_NOT_ALLOWED' } });
    expect(door.of('source')).toEqual([]);
  });

  test('needs a remote backend where no place for states is given', async () => {
    const started = await start('resource "terraform_data" "x" {}\n', {}, false);
    await started.done;
    expect(report()).toMatchObject({ outcome: 'failed', error: { code: 'E_BACKEND_NOT_ALLOWED' } });
    nothingLeft(started);
  });
});
