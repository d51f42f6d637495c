import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { usualSettings } from '../../policies/allowlist.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTool } from './running-tool.ts';

describe('a tool', () => {
  test('gives its output and its exit code', async () => {
    const tool = startTool('echo out; echo err >&2; exit 7');
    expect(await tool.ended).toEqual({ exitCode: 7 });
    expect(tool.output()).toBe('out\nerr\n');
  });

  test('has no exit code when it was killed', async () => {
    expect(await startTool('kill -KILL $$').ended).toEqual({ exitCode: undefined });
  });

  test('that is not there is an error', async () => {
    await expect(startTool('', { file: '/no/such/tool' }).ended).rejects.toThrow(/ENOENT/);
  });

  test('sees the environment it is given and nothing else', async () => {
    const tool = startTool('env', { env: { ONLY: 'this' } });
    await tool.ended;
    const names = tool
      .output()
      .trim()
      .split('\n')
      .map(line => line.split('=')[0] ?? '');
    expect(names.filter(name => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual(['ONLY']);
  });

  test('has nothing to read', async () => {
    const tool = startTool('if read -r line; then echo "got $line"; else echo nothing; fi');
    await tool.ended;
    expect(tool.output()).toBe('nothing\n');
  });

  test('gives all of a long output, in order', async () => {
    const tool = startTool('i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done');
    await tool.ended;
    expect(tool.output()).toBe(Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join(''));
  });

  test('gives its output as it comes', async () => {
    const tool = startTool('echo first; while [ ! -e go ]; do sleep 0.02; done; echo second');
    await tool.printed('first');
    expect(tool.output()).toBe('first\n');
    writeFileSync(join(tool.directory, 'go'), '');
    await tool.ended;
    expect(tool.output()).toBe('first\nsecond\n');
  });

  test('gives nothing of what it wrote since a moment that matters, until it has ended and what must be done is done', async () => {
    let isThen = false;
    const seen: string[] = [];
    const tool = startTool('echo first; while [ ! -e go ]; do sleep 0.02; done; echo second; echo third', {
      hold: { before: chunk => (isThen ? 0 : chunk.length), until: async () => seen.push(tool.output()) > 0 },
    });
    await tool.printed('first');
    isThen = true;
    writeFileSync(join(tool.directory, 'go'), '');
    await tool.ended;
    expect(seen).toEqual(['first\n']);
    expect(tool.output()).toBe('first\nsecond\nthird\n');
  });

  test('gives nothing from the place on that matters, when it may not be shown in the end either', async () => {
    const before = (chunk: Buffer) => (chunk.includes('second') ? chunk.indexOf('second') : chunk.length);
    const tool = startTool('echo first; echo second; sleep 0.1; echo third', {
      hold: { before, until: async () => false },
    });
    await tool.ended;
    expect(tool.output()).toBe('first\n');
  });

  test('fails, and what is held back is never given, when what must be done cannot be done', async () => {
    const until = () => Promise.reject(new Error('not known'));
    const tool = startTool('echo secret', { hold: { before: () => 0, until } });
    await expect(tool.ended).rejects.toThrow('not known');
    expect(tool.output()).toBe('');
  });

  test('gives standard output alone where that is what is asked for', async () => {
    const tool = startTool('echo out; echo err >&2', { stdoutOnly: true });
    await tool.ended;
    expect(tool.output()).toBe('out\n');
  });

  test('does not lose what is taken slowly', async () => {
    const chunks: string[] = [];
    const slowly = async (chunk: Buffer) => {
      await sleep(50);
      chunks.push(chunk.toString());
    };
    await startTool('head -c 300000 /dev/zero | tr "\\0" x', { output: slowly }).ended;
    expect(chunks.join('')).toBe('x'.repeat(300_000));
  });

  test('leaves nothing of its output on the disk', async () => {
    const tool = startTool('echo secret');
    await tool.ended;
    expect(readdirSync(tool.directory)).toEqual([]);
  });

  test('writes its output where nobody else reads it', async () => {
    const tool = startTool('stat -c %a out');
    await tool.ended;
    expect(tool.output()).toBe('600\n');
  });

  test('does its work to the end when the worker dies', async () => {
    const directory = temporaryDirectory('tool');
    const done = join(directory, 'done');
    const argv = ['-c', `sleep 0.3; echo words; echo more >&2; sleep 0.1; echo more; echo done > ${done}`];
    const tool = {
      ...{ file: '/bin/sh', argv, cwd: directory, env: { PATH: '/usr/bin:/bin' }, graceMs: () => 1000 },
      ...{ isolation: { kind: 'none' }, view: { readOnly: [], readWrite: [] }, limits: usualSettings },
    };
    const worker = spawn(process.execPath, ['--input-type=module', '--eval', workerOf(tool, directory)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(worker.stdout, 'data');
    worker.kill('SIGKILL');
    for (let waits = 0; !existsSync(done) && waits < 300; waits += 1) await sleep(20);
    expect(existsSync(done)).toBe(true);
  });
});

/** A program that runs this tool and says when it does. */
const workerOf = (tool: object, directory: string): string => `
  import { runTool } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../task-image/subprocess.ts')))};
  const stop = new AbortController().signal;
  const ended = runTool({ ...${JSON.stringify(tool)}, stop, outputFile: ${JSON.stringify(join(directory, 'out'))}, output: () => {} });
  setTimeout(() => console.log('runs'), 100);
  await ended;
`;
