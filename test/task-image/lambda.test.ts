import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serve } from '../../task-image/lambda-runtime.ts';
import { wipe } from '../../task-image/wipe.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type RuntimeApi, startRuntimeApi } from '../support/runtime-api.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runId } from './parts.ts';
import { type ScriptedDoor, startScriptedDoor } from './scripted-door.ts';

let api: RuntimeApi;
beforeEach(async () => {
  api = await startRuntimeApi();
});
afterEach(() => api.stop());

describe('the Runtime API', () => {
  test('is asked for one event after the other, and told what has become of each', async () => {
    void serve(api.address, async () => async ({ event }) => {
      if (`${event}` === '2') throw new TypeError('two is too many');
      return { doubled: Number(event) * 2 };
    }).catch(() => {});
    const answers = await Promise.all(['1', '2', '3'].map(event => api.invoke(event)));
    expect(answers).toEqual([
      { kind: 'response', body: { doubled: 2 } },
      { kind: 'error', body: { errorType: 'TypeError', errorMessage: 'two is too many' } },
      { kind: 'response', body: { doubled: 6 } },
    ]);
  });

  test('tells when the environment ends, and for whom it is kept', async () => {
    void serve(api.address, async () => async ({ deadline, tenant }) => ({
      tenant,
      left: deadline - Date.now(),
    })).catch(() => {});
    const { body } = await api.invoke('{}', { timeoutMs: 900_000, tenant: runId });
    expect(body).toEqual({ tenant: runId, left: expect.closeTo(900_000, -5) });
  });

  test('learns of a worker that cannot begin', async () => {
    const begun = serve(api.address, () => Promise.reject(new Error('no way')));
    await expect(begun).rejects.toThrow('no way');
    expect(await api.initError).toMatchObject({ body: { errorMessage: 'no way' } });
  });

  test('that cannot be understood ends the worker', async () => {
    await expect(serve(`${api.address}/elsewhere`, async () => async () => ({}))).rejects.toThrow(
      'Lambda answers 404 to invocation/next',
    );
  });
});

describe('a worker in Lambda', { timeout: 60_000 }, () => {
  let door: ScriptedDoor;
  let worker: ChildProcess | undefined;
  let workDir: string;
  afterEach(async () => {
    worker?.kill('SIGKILL');
    await door?.away();
  });

  /** The bundled entry, with what the platform and the module set. */
  async function start(stack: string, limits: { graceMs?: number } = {}) {
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra.git'), { 'prod/vpc/main.tf': stack });
    const rules = [{ name: 'all', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'] }];
    const policy = { version: 1, repositories: { 'infra-live': { url: repository.dir, rules } } };
    const request = { command: 'plan', path: 'prod/vpc', ref: 'refs/heads/main' } as const;
    door = await startScriptedDoor({ policy, request, ...limits });
    workDir = join(temporaryDirectory('lambda'), 'w');
    worker = spawn(process.execPath, [join(process.env.INFRA_DEPLOYER_DIST ?? '', 'worker.js')], {
      env: {
        PATH: process.env.PATH,
        AWS_LAMBDA_RUNTIME_API: api.address,
        INFRA_DEPLOYER_DOOR: door.url,
        INFRA_DEPLOYER_WORK_DIR: workDir,
        // The image says it; Lambda starts no container as root.
        INFRA_DEPLOYER_TOOL_UID: '64321',
      },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    return (event: object, how = {}) => api.invoke(JSON.stringify(event), how);
  }
  const event = { run: runId, ticket: 'the ticket' };

  test.skipIf(requires('terraform'))('claims the run of the event and works it off, one after the other', async () => {
    const invoke = await start('resource "terraform_data" "x" {}\n');
    for (const runs of [1, 2]) {
      expect(await invoke(event, { tenant: runId })).toEqual({ kind: 'response', body: { run: runId } });
      expect(door.of('claim').length).toBe(runs);
      expect(door.of('finish').length).toBe(runs);
    }
    expect(door.of('claim')[0]?.body).toMatchObject(event);
    // Without a backend it is refused, here where no state can be kept.
    expect(door.of('finish')[0]?.body).toMatchObject({ outcome: 'failed', error: { code: 'E_BACKEND_NOT_ALLOWED' } });
    for (const place of ['run', 'clone', 'data']) expect(existsSync(join(workDir, place))).toBe(false);
  });

  test.skipIf(requires('terraform'))('is timed out by its run before Lambda ends it', async () => {
    const invoke = await start('resource "terraform_data" "x" {}\n', { graceMs: 30_000 });
    await invoke(event, { timeoutMs: 34_000 });
    expect(door.of('finish')[0]?.body).toMatchObject({ outcome: 'timed_out' });
  });

  test.each([
    ['more than a run and its ticket', { ...event, command: 'apply' }],
    ['what a worker makes itself', { ...event, nonce: 'n'.repeat(43) }],
    ['an HTTP request', { requestContext: {}, body: JSON.stringify(event) }],
    ['no run', { run: 'r_x', ticket: 't' }],
    ['nothing', {}],
  ])('takes no event with %s', async (_what, wrong) => {
    const invoke = await start('');
    expect(await invoke(wrong)).toMatchObject({ kind: 'error' });
    expect(door.calls).toEqual([]);
  });

  test("takes no other run in an environment that is a run's", async () => {
    const invoke = await start('');
    expect(await invoke(event, { tenant: 'r_bbbbbbbbccccddddeeeeffff22' })).toMatchObject({ kind: 'error' });
    expect(door.calls).toEqual([]);
  });

  test('tells Lambda what the door has refused', async () => {
    const invoke = await start('');
    door.answer('claim', { error: { code: 'E_UNAUTHENTICATED', message: 'the ticket is used' } }, 401);
    expect(await invoke(event)).toMatchObject({ kind: 'error', body: { errorMessage: 'the ticket is used' } });
  });
});

test.skipIf(requires('root'))('root wipes nothing: the machine would be', () => {
  expect(() => wipe(temporaryDirectory('own'))).toThrow('must not be root');
});

test('a task that cannot split the users does not start', async () => {
  const entry = join(process.env.INFRA_DEPLOYER_DIST ?? '', 'worker.js');
  const script = `process.getuid = () => 64321; await import(${JSON.stringify(entry)});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env.PATH, INFRA_DEPLOYER_TOOL_UID: '64321', INFRA_DEPLOYER_DOOR: 'http://127.0.0.1:1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(said).toContain('must start as root');
  expect(code).toBe(1);
});
