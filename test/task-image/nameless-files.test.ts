import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { namelessBytes } from '../../task-image/nameless-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whereIs } from '../support/where-is.ts';

describe.skipIf(process.platform !== 'linux')('what a process holds that nobody may look into', () => {
  let child: ChildProcess | undefined;
  afterEach(() => child?.kill('SIGKILL'));

  const started = async (file: string, ...args: readonly string[]): Promise<number> => {
    child = spawn(file, args, { stdio: 'ignore' });
    await once(child, 'spawn');
    return child.pid ?? 0;
  };
  /** A program that may be run and not be read, of root where the tests are root's. */
  const unreadable = (): string => {
    const file = join(temporaryDirectory('program'), 'sleep');
    copyFileSync(whereIs('sleep') ?? '', file);
    chmodSync(file, 0o111);
    return file;
  };
  const isRoot = process.geteuid?.() === 0;
  const asSomebody = async <T>(look: () => Promise<T>): Promise<T> => {
    if (isRoot) process.seteuid?.(64321);
    try {
      return await look();
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  };

  test('is told', async () => {
    const pid = await started(unreadable(), '60');
    expect(await asSomebody(() => namelessBytes([pid]))).toBe('hidden');
  });

  test('is nothing once it has ended, though it was not waited for', async () => {
    const pid = await started('sh', '-c', 'true & exec sleep 60');
    const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    while (!(children() && readFileSync(`/proc/${children()}/status`, 'utf8').includes('State:\tZ'))) await sleep(10);
    expect(await asSomebody(() => namelessBytes([Number(children())]))).toBe(0);
  });

  test.skipIf(!isRoot)('is not held against it by a root that has no capability to look', async () => {
    const pid = await started(unreadable(), '60');
    expect(await namelessBytes([pid])).toBe(0);
  });
});
