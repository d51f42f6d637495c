import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runTool, type Tool, type ToolEnd } from '../../task-image/subprocess.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Running {
  readonly ended: Promise<ToolEnd>;
  readonly stop: () => void;
  readonly output: () => string;
  /** Waits until the tool has printed this. */
  readonly printed: (words: string) => Promise<void>;
  readonly directory: string;
}

/** Runs a shell script as the tool. */
function start(script: string, differences: Partial<Tool> = {}): Running {
  const directory = temporaryDirectory('tool');
  const stop = new AbortController();
  let output = '';
  const ended = runTool({
    file: '/bin/sh',
    argv: ['-c', script],
    cwd: directory,
    env: { PATH: '/usr/bin:/bin' },
    stop: stop.signal,
    graceMs: 10_000,
    outputFile: join(directory, 'out'),
    output: chunk => {
      output += chunk.toString();
    },
    ...differences,
  });
  const printed = async (words: string) => {
    for (let waits = 0; !output.includes(words); waits += 1) {
      if (waits > 500) throw new Error(`not printed: ${words}: ${output}`);
      await sleep(10);
    }
  };
  return { ended, stop: () => stop.abort('canceled'), output: () => output, printed, directory };
}

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

describe('a tool', () => {
  test('gives its output and its exit code', async () => {
    const tool = start('echo out; echo err >&2; exit 7');
    expect(await tool.ended).toEqual({ exitCode: 7 });
    expect(tool.output()).toBe('out\nerr\n');
  });

  test('has no exit code when it was killed', async () => {
    expect(await start('kill -KILL $$').ended).toEqual({ exitCode: undefined });
  });

  test('that is not there is an error', async () => {
    await expect(start('', { file: '/no/such/tool' }).ended).rejects.toThrow(/ENOENT/);
  });

  test('sees the environment it is given and nothing else', async () => {
    const tool = start('env', { env: { ONLY: 'this' } });
    await tool.ended;
    const names = tool
      .output()
      .trim()
      .split('\n')
      .map(line => line.split('=')[0] ?? '');
    expect(names.filter(name => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual(['ONLY']);
  });

  test('has nothing to read', async () => {
    const tool = start('if read -r line; then echo "got $line"; else echo nothing; fi');
    await tool.ended;
    expect(tool.output()).toBe('nothing\n');
  });

  test('gives all of a long output, in order', async () => {
    const tool = start('i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done');
    await tool.ended;
    expect(tool.output()).toBe(Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join(''));
  });

  test('gives its output as it comes', async () => {
    const tool = start('echo first; while [ ! -e go ]; do sleep 0.02; done; echo second');
    await tool.printed('first');
    expect(tool.output()).toBe('first\n');
    writeFileSync(join(tool.directory, 'go'), '');
    await tool.ended;
    expect(tool.output()).toBe('first\nsecond\n');
  });

  test('gives standard output alone where that is what is asked for', async () => {
    const tool = start('echo out; echo err >&2', { stdoutOnly: true });
    await tool.ended;
    expect(tool.output()).toBe('out\n');
  });

  test('does not lose what is taken slowly', async () => {
    const chunks: string[] = [];
    const slowly = async (chunk: Buffer) => {
      await sleep(50);
      chunks.push(chunk.toString());
    };
    await start('head -c 300000 /dev/zero | tr "\\0" x', { output: slowly }).ended;
    expect(chunks.join('')).toBe('x'.repeat(300_000));
  });

  test('leaves nothing of its output on the disk', async () => {
    const tool = start('echo secret');
    await tool.ended;
    expect(readdirSync(tool.directory)).toEqual([]);
  });

  test('writes its output where nobody else reads it', async () => {
    const tool = start('stat -c %a out');
    await tool.ended;
    expect(tool.output()).toBe('600\n');
  });

  test('does its work to the end when the worker dies', async () => {
    const directory = temporaryDirectory('tool');
    const done = join(directory, 'done');
    const argv = ['-c', `sleep 0.3; echo words; echo more >&2; sleep 0.1; echo more; echo done > ${done}`];
    const tool = { file: '/bin/sh', argv, cwd: directory, env: { PATH: '/usr/bin:/bin' }, graceMs: 1000 };
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

describe('a tool that must stop', () => {
  test('is interrupted once, and its end counts', async () => {
    const tool = start(
      `trap 'echo interrupted; n=1' INT; echo ready; while [ -z "$n" ]; do sleep 0.05; done; sleep 0.3; exit 3`,
    );
    await tool.printed('ready');
    tool.stop();
    expect(await tool.ended).toEqual({ exitCode: 3 });
    expect(tool.output()).toBe('ready\ninterrupted\n');
  });

  test('is interrupted with all of its process group', async () => {
    const child = `sh -c 'trap "echo child interrupted; exit" INT; echo ready; while :; do sleep 0.05; done'`;
    const tool = start(`trap 'echo parent interrupted' INT; ${child}`);
    await tool.printed('ready');
    tool.stop();
    await tool.ended;
    expect(tool.output()).toBe('ready\nchild interrupted\nparent interrupted\n');
  });

  test('is killed after the time it was given, not before', async () => {
    const tool = start(stubborn, { graceMs: 700 });
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
    const tool = start('echo started > here', { stop: stop.signal });
    expect(await tool.ended).toEqual({ exitCode: undefined });
    expect(readdirSync(tool.directory)).toEqual([]);
  });

  test('is not listened for once it has ended: its group may be another one by then', async () => {
    const stop = new AbortController();
    await start('exit 0', { stop: stop.signal }).ended;
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });
});

describe('what a tool leaves behind', () => {
  test('ends with it', async () => {
    const tool = start('sleep 60 & echo $! > pid; exit 0');
    expect(await tool.ended).toEqual({ exitCode: 0 });
    expect(await gone(Number(readFileSync(join(tool.directory, 'pid'), 'utf8')))).toBe(true);
  });

  test('does not keep anybody waiting', async () => {
    const began = Date.now();
    const tool = start('sleep 60 & exit 0');
    await tool.ended;
    expect(Date.now() - began).toBeLessThan(20_000);
  });

  test('ends with a tool that was killed', async () => {
    const script = join(temporaryDirectory(), 'child.sh');
    writeFileSync(script, `trap '' INT\necho $$ > "$1"\necho ready\nwhile :; do sleep 0.05; done\n`);
    const pid = join(temporaryDirectory(), 'pid');
    const tool = start(`trap '' INT; sh ${script} ${pid} & wait`, { graceMs: 300 });
    await tool.printed('ready');
    tool.stop();
    await tool.ended;
    expect(await gone(Number(readFileSync(pid, 'utf8')))).toBe(true);
  });
});
