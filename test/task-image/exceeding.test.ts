import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { usualSettings } from '../../policies/allowlist.ts';
import type { Tool } from '../../task-image/subprocess.ts';
import { writtenTo } from '../../task-image/usage.ts';
import { commandLines } from '../support/processes.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { isolation } from './parts.ts';
import { startTool } from './running-tool.ts';

const limits = { memoryMb: 100, processes: 20, diskMb: 30, outputMb: 4 };

/** Perl has no word for these: their numbers. */
const calls =
  process.arch === 'arm64' ? { mmap: 222, memfd: 279, fallocate: 47 } : { mmap: 9, memfd: 319, fallocate: 285 };
const mapped = `syscall(${calls.mmap}, 0, 40 << 20, 1, 1, fileno F, 0) > 0 or die $!; close F; sleep 60`;

/** Each would go on for ever, or for a minute where that would fill a disk. */
const greedy = [
  ['forks', 'while :; do sleep 60 & done', 'processes'],
  ['takes memory', `perl -e '$x = "x" x 1_000_000_000; sleep 60'`, 'memory_mb'],
  ['fills the disk', 'head -c 200000000 /dev/zero > big; sleep 60', 'disk_mb'],
  [
    'fills the disk with small files in many directories',
    `perl -e 'for (1 .. 10_000) { mkdir "d$_"; open F, ">d$_/x"; print F "x"; close F } sleep 60'`,
    'disk_mb',
  ],
  [
    'fills the disk with a file that has no name',
    'exec 3> big; rm big; head -c 200000000 /dev/zero >&3; sleep 60',
    'disk_mb',
  ],
  [
    'fills the disk with a file that has no name and is not open, only mapped',
    `head -c 40m /dev/zero > big; perl -e 'open F, "+<big"; unlink "big"; ${mapped}'`,
    'disk_mb',
  ],
  [
    'keeps memory in a file of no disk, not open and not touched, only mapped',
    `perl -e '$name = "x"; open F, "+<&=", syscall(${calls.memfd}, $name, 0); print F "x" x (40 << 20); ${mapped}'`,
    'disk_mb',
  ],
  [
    'has more open than can be counted',
    `perl -e 'for (1 .. 6) { next if fork; open F, "</dev/null"; while (open my $f, "<&F") { push @all, $f } sleep 60 } sleep 60'`,
    'disk_mb',
  ],
  ['prints without end', 'yes', 'output_mb'],
  [
    'takes room for its output that it does not use',
    `perl -e 'syscall(${calls.fallocate}, 1, 1, 0, 40 << 20) == 0 or die $!; sleep 60'`,
    'output_mb',
  ],
] as const;

describe.each(['namespace', 'none'] as const)('with isolation by %s, a tool', { timeout: 60_000 }, kind => {
  const isSkipped = kind === 'namespace' && requires('sandbox');
  const start = (script: string, differences: Partial<Tool> = {}) => {
    const directory = temporaryDirectory('greedy');
    const view = { readWrite: [directory], readOnly: [] };
    const chosen = kind === 'namespace' ? isolation : ({ kind, why: 'a test' } as const);
    return startTool(script, { isolation: chosen, view, cwd: directory, limits, ...differences });
  };

  test.skipIf(isSkipped).each(greedy)('that %s is killed', async (_what, script, key) => {
    const { exitCode, exceeded } = await start(script).ended;
    expect({ exitCode, code: exceeded?.code }).toEqual({ exitCode: undefined, code: 'E_LIMIT' });
    expect(exceeded?.fix).toContain(`limits.${key}`);
  });

  test.skipIf(isSkipped)('that has more threads than its processes may have is killed', async () => {
    const script = `perl -Mthreads -e 'threads->create(sub { sleep 60 }) for 1 .. 80; sleep 60'`;
    const { exceeded } = await start(script, { limits: { ...limits, processes: 4, memoryMb: 4000 } }).ended;
    expect(exceeded).toMatchObject({ code: 'E_LIMIT', message: 'the run had more than 64 threads' });
  });

  test.skipIf(isSkipped)('cannot open more files than can be counted', async () => {
    const tool = start(`perl -e 'open F, "</dev/null"; while (open my $f, "<&F") { push @all, $f } print scalar @all'`);
    await tool.ended;
    expect(Number(tool.output())).toBeGreaterThan(100);
    expect(Number(tool.output())).toBeLessThan(4096);
  });

  test.skipIf(isSkipped)('that forks without end leaves nothing', async () => {
    const name = `6${process.pid}.${kind.length}`;
    await start(`while :; do sleep ${name} & done`).ended;
    await expect.poll(() => commandLines(name), { timeout: 10_000 }).toEqual([]);
  });

  test.skipIf(isSkipped)('prints no more than it may', async () => {
    const tool = start('yes');
    await tool.ended;
    expect(tool.output().length).toBeLessThanOrEqual(limits.outputMb * 1024 * 1024 + 64 * 1024);
  });

  test.skipIf(isSkipped)('that saves state is interrupted first, and its end counts', async () => {
    const script = `trap 'echo saved > state; exit 3' INT; head -c 50000000 /dev/zero > big; while :; do sleep 0.05; done`;
    const { exitCode, exceeded } = await start(script, { savesState: true }).ended;
    expect({ exitCode, code: exceeded?.code }).toEqual({ exitCode: 3, code: 'E_LIMIT' });
  });

  test.skipIf(isSkipped)('that saves state and does not end is killed after the time it was given', async () => {
    const script = `trap '' INT; head -c 50000000 /dev/zero > big; while :; do sleep 0.05; done`;
    const { exitCode, exceeded } = await start(script, { savesState: true, graceMs: () => 500 }).ended;
    expect({ exitCode, code: exceeded?.code }).toEqual({ exitCode: undefined, code: 'E_LIMIT' });
  });

  test.skipIf(isSkipped)('that needs little is let alone', async () => {
    const { exitCode, exceeded } = await start('sleep 1; echo fine', { limits: usualSettings }).ended;
    expect({ exitCode, exceeded }).toEqual({ exitCode: 0, exceeded: undefined });
  });
});

test('what a directory hides counts as too much', async () => {
  const directory = temporaryDirectory('hidden');
  mkdirSync(join(directory, 'a/b'), { recursive: true });
  writeFileSync(join(directory, 'a/b/c'), Buffer.alloc(1_000_000));
  expect((await writtenTo([directory])).diskBytes).toBeGreaterThanOrEqual(1_000_000);
  expect(await writtenTo([join(directory, 'gone')])).toEqual({ diskBytes: 0 });
  chmodSync(join(directory, 'a/b'), 0o000);
  const { diskBytes, uncounted } = await writtenTo([directory]);
  chmodSync(join(directory, 'a/b'), 0o700);
  // Nothing is hidden from root.
  if (process.getuid?.() === 0) expect(diskBytes).toBeGreaterThanOrEqual(1_000_000);
  else expect(uncounted).toBe('hidden files');
});

test('more files than can be counted count as too much', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory('many');
  execFileSync('perl', ['-e', 'open F, ">first"; close F; link "first", "x$_" for 1 .. 30_000'], { cwd: directory });
  expect((await writtenTo([directory])).diskBytes).toBeLessThan(10_000_000);
  expect(await writtenTo(Array(7).fill(directory))).toEqual({ uncounted: 'too many files' });
});
