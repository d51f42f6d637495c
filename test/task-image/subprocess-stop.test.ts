import { getEventListeners } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTool } from './running-tool.ts';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // A process that has ended but was not waited for still has its id.
    return !existsSync(`/proc/${pid}/stat`) || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

async function gone(pid: number): Promise<boolean> {
  for (let waits = 0; waits < 200 && isAlive(pid); waits += 1) await sleep(10);
  return !isAlive(pid);
}

/** Counts the interrupts it gets, and goes on. */
const stubborn = `trap 'echo interrupted' INT; echo ready; while :; do sleep 0.05; done`;

describe('a tool that must stop', () => {
  test('is interrupted once, and its end counts', async () => {
    const tool = startTool(
      `trap 'echo interrupted; n=1' INT; echo ready; while [ -z "$n" ]; do sleep 0.05; done; sleep 0.3; exit 3`,
    );
    await tool.printed('ready');
    tool.stop();
    expect(await tool.ended).toEqual({ exitCode: 3 });
    expect(tool.output()).toBe('ready\ninterrupted\n');
  });

  test('is interrupted with all of its process group', async () => {
    const child = `sh -c 'trap "echo child interrupted; exit" INT; echo ready; while :; do sleep 0.05; done'`;
    const tool = startTool(`trap 'echo parent interrupted' INT; ${child}`);
    await tool.printed('ready');
    tool.stop();
    await tool.ended;
    expect(tool.output()).toBe('ready\nchild interrupted\nparent interrupted\n');
  });

  test('is interrupted without what only wraps it, which would interrupt it again', async () => {
    const file = join(temporaryDirectory('bin'), 'terragrunt');
    const child = `sh -c 'trap "echo child interrupted; exit" INT; echo ready; while :; do sleep 0.05; done'`;
    writeFileSync(file, `#!/bin/sh\ntrap 'echo wrapper interrupted' INT\n${child}\n`, { mode: 0o755 });
    const tool = startTool('', { file, argv: [] });
    await tool.printed('ready');
    tool.stop();
    await tool.ended;
    expect(tool.output()).toBe('ready\nchild interrupted\n');
  });

  test('is killed after the time it was given, not before', async () => {
    const tool = startTool(stubborn, { graceMs: () => 700 });
    await tool.printed('ready');
    const began = Date.now();
    tool.stop();
    expect(await tool.ended).toEqual({ exitCode: undefined });
    expect(Date.now() - began).toBeGreaterThanOrEqual(690);
    expect(tool.output()).toBe('ready\ninterrupted\n');
  });

  test('is not even started when that is known before', async () => {
    const stop = new AbortController();
    stop.abort('canceled');
    const tool = startTool('echo started > here', { stop: stop.signal });
    expect(await tool.ended).toEqual({ exitCode: undefined });
    expect(readdirSync(tool.directory)).toEqual([]);
  });

  test('is not listened for once it has ended: its group may be another one by then', async () => {
    const stop = new AbortController();
    await startTool('exit 0', { stop: stop.signal }).ended;
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });
});

describe('what a tool leaves behind', () => {
  test('ends with it', async () => {
    const tool = startTool('sleep 60 & echo $! > pid; exit 0');
    expect(await tool.ended).toEqual({ exitCode: 0 });
    expect(await gone(Number(readFileSync(join(tool.directory, 'pid'), 'utf8')))).toBe(true);
  });

  test('does not keep anybody waiting', async () => {
    const began = Date.now();
    const tool = startTool('sleep 60 & exit 0');
    await tool.ended;
    expect(Date.now() - began).toBeLessThan(20_000);
  });

  test('ends with a tool that was killed', async () => {
    const script = join(temporaryDirectory(), 'child.sh');
    writeFileSync(script, `trap '' INT\necho $$ > "$1"\necho ready\nwhile :; do sleep 0.05; done\n`);
    const pid = join(temporaryDirectory(), 'pid');
    const tool = startTool(`trap '' INT; sh ${script} ${pid} & wait`, { graceMs: () => 300 });
    await tool.printed('ready');
    tool.stop();
    await tool.ended;
    expect(await gone(Number(readFileSync(pid, 'utf8')))).toBe(true);
  });
});

describe('a tool whose output cannot be handed on', () => {
  const broken = { output: () => Promise.reject(new Error('no room')) };

  test('is ended before anybody is told', async () => {
    const tool = startTool('echo $$ > pid; echo words; while :; do sleep 0.05; done', broken);
    await expect(tool.ended).rejects.toThrow('no room');
    expect(isAlive(Number(readFileSync(join(tool.directory, 'pid'), 'utf8')))).toBe(false);
  });

  test('is given time to save its state', async () => {
    const script = `trap 'sleep 0.3; echo saved > state; exit' INT; echo words; while :; do sleep 0.05; done`;
    const tool = startTool(script, { ...broken, savesState: true });
    await expect(tool.ended).rejects.toThrow('no room');
    expect(readFileSync(join(tool.directory, 'state'), 'utf8')).toBe('saved\n');
  });
});
