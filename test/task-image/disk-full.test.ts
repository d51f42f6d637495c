import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Installation, install } from '../end-to-end/installation.ts';
import { leftProcesses } from '../end-to-end/leftovers.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { newPipe } from './pipe.ts';
import { ended, nothingLeft, refused } from './stage.ts';

const kilobyte = 1024;

/** Only root may mount; a small memory disk is the one way to a disk that is really full. */
const cannotMount = (): boolean => {
  const directory = temporaryDirectory('mount');
  try {
    mount(directory, 64 * kilobyte);
    unmount(directory);
    return false;
  } catch {
    return true;
  }
};

function mount(directory: string, bytes: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', directory], { stdio: 'pipe' });
}

const unmount = (directory: string) => execFileSync('umount', ['--lazy', directory], { stdio: 'pipe' });

/** Takes what is left of the disk, to the last byte. */
function fill(file: string): void {
  try {
    for (;;) appendFileSync(file, Buffer.alloc(kilobyte));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  }
}

describe.skipIf(requires('sshd', 'terraform') || cannotMount())('on a full disk', { timeout: 90_000 }, () => {
  const dataDir = temporaryDirectory('data');
  const work = join(dataDir, 'work');
  const pipe = newPipe();
  let installation: Installation;

  beforeAll(async () => {
    mkdirSync(work, { mode: 0o700 });
    mount(work, 1000 * kilobyte);
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), {
      'prod/small/main.tf': 'resource "terraform_data" "x" {}\n',
      'prod/large/main.tf': 'resource "terraform_data" "x" {}\n',
      'prod/large/image.bin': randomBytes(2000 * kilobyte).toString('base64'),
      'prod/plan/main.tf': pipe.stack,
    });
    installation = await install(repository.dir, {
      dataDir,
      stacks: [{ paths: ['prod/plan'], gate: { allow: ['file-path'] } }],
    });
  });
  afterAll(async () => {
    await installation?.stop();
    unmount(work);
  });

  const plan = (path: string) => ({ command: 'plan', path, ref: 'main' }) as const;

  test('a clone that does not fit fails before Terraform starts', async () => {
    expect(await refused(installation.server, plan('prod/large'), 'E_DISK_FULL')).toMatchObject({ exitCode: 1 });
  });

  test('a plan that does not fit fails', async () => {
    const { server } = installation;
    const filler = join(work, 'filler');
    const { run } = await server.submit(plan('prod/plan'));
    while (!leftProcesses(dataDir).some(line => line.includes(' plan '))) await sleep(20);
    fill(filler);
    const going = setInterval(pipe.letGo, 20);
    const end = await server.waitForEnd(run.id);
    clearInterval(going);
    rmSync(filler);
    expect(end).toMatchObject({ state: 'failed', phase: 'plan', exitCode: 1, error: { code: 'E_DISK_FULL' } });
    await nothingLeft(server);
  });

  test('a run for which there is no room at all fails', async () => {
    const { server } = installation;
    const filler = join(work, 'filler');
    fill(filler);
    const { run } = await server.submit(plan('prod/small'));
    const end = await server.waitForEnd(run.id);
    rmSync(filler);
    expect(end).toMatchObject({ state: 'failed', terraformStarted: false, error: { code: 'E_DISK_FULL' } });
    await nothingLeft(server);
  });

  test('what fits goes on', async () => {
    expect(await ended(installation.server, plan('prod/small'))).toMatchObject({ state: 'succeeded' });
  });
});
