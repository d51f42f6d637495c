import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { usualSettings } from '../../policies/allowlist.ts';
import { sandboxArgv, type View } from '../../task-image/sandbox.ts';
import type { Tool } from '../../task-image/subprocess.ts';
import { commandLines } from '../support/processes.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { isolation } from './parts.ts';
import { startTool } from './running-tool.ts';

/** shmget, add_key, request_key, keyctl. */
const keyCalls = process.arch === 'arm64' ? [194, 217, 218, 219] : [29, 248, 249, 250];

/** A data directory with what a server and other runs keep in it, and one place for the tool. */
function places() {
  const data = temporaryDirectory('data');
  for (const name of ['server.json', 'root.key', 'work/run/k', 'work/other/main.tf', 'state/own', 'state/other']) {
    mkdirSync(dirname(join(data, name)), { recursive: true });
    writeFileSync(join(data, name), `secret of ${name}\n`);
  }
  const clone = join(data, 'work/clone');
  mkdirSync(clone);
  return { data, clone, state: join(data, 'state/own') };
}

const inSandbox = (script: string, view: View, differences: Partial<Tool> = {}) =>
  startTool(script, { isolation, view, cwd: view.readWrite[0] ?? '/', ...differences });

async function said(script: string, view: View): Promise<string[]> {
  const tool = inSandbox(script, view);
  await tool.ended;
  return tool.output().trim().split('\n');
}

describe.skipIf(requires('sandbox'))('in a sandbox', () => {
  test('there is what the tool was given, and nothing else of a data directory', async () => {
    const { data, clone, state } = places();
    const view = { readWrite: [clone], readOnly: [state] };
    const found = await said(`find ${data} -type f; cat ${data}/server.json ${data}/work/run/k 2>&1`, view);
    expect(found.filter(line => !line.includes('No such file'))).toEqual([state]);
    expect(found.length).toBe(3);
  });

  test('there is no home, no service and no other device of the machine', async () => {
    const { clone } = places();
    const view = { readWrite: [clone], readOnly: [] };
    const roots = await said('ls /', view);
    expect(roots.filter(name => !/^(usr|bin|sbin|lib\w*|etc|dev|proc|tmp)$/.test(name))).toEqual([]);
    expect(
      await said(
        'ls /root /home /var /run /sys 2>/dev/null | wc -l; ls /etc/shadow /etc/passwd 2>/dev/null | wc -l',
        view,
      ),
    ).toEqual(['0', '0']);
    expect(await said('find /dev -type b | wc -l; find /dev -type c | sort | tr "\\n" " "', view)).toEqual([
      '0',
      expect.stringMatching(
        /^\/dev\/full \/dev\/null (\/dev\/ptmx )?(\/dev\/pts\/ptmx )?\/dev\/random \/dev\/tty \/dev\/urandom \/dev\/zero $|^(\/dev\/(full|null|random|tty|urandom|zero|ptmx|pts\/ptmx|console) ?)+$/,
      ),
    ]);
  });

  test('there are no processes but its own, and no environment but its own', async () => {
    const { clone } = places();
    const view = { readWrite: [clone], readOnly: [] };
    const [first = '', ...rest] = await said(
      "cat /proc/1/environ | tr '\\0' '\\n'; echo; ls /proc | grep -c '^[0-9]'",
      view,
    );
    expect(first).toBe('PATH=/usr/bin:/bin');
    expect(rest.at(-1)).toMatch(/^[1-4]$/);
  });

  test('nothing can be written but what it was given to write', async () => {
    const { clone, state } = places();
    const view = { readWrite: [clone], readOnly: [state] };
    const targets = [
      '/',
      '/usr',
      '/etc',
      '/dev',
      '/dev/shm',
      '/proc/sys/kernel/core_pattern',
      '/proc/1/oom_score_adj',
      '/proc/irq',
      state,
      clone,
    ];
    const script = targets.map(target => `[ -w ${target} ] && echo ${target}`).join('; ');
    expect(await said(script, view)).toEqual([clone]);
    expect(readFileSync(state, 'utf8')).toBe('secret of state/own\n');
  });

  test('there is no privilege, and none to be had', async () => {
    const { clone } = places();
    const view = { readWrite: [clone], readOnly: [] };
    const script = `grep -E '^(Cap|NoNewPrivs)' /proc/self/status; id -u; unshare --user true || echo no namespace`;
    const lines = await said(script, view);
    expect(lines.filter(line => line.startsWith('Cap')).map(line => line.replace(/^\w+:\s+/, ''))).toEqual(
      Array(5).fill('0000000000000000'),
    );
    expect(lines.find(line => line.startsWith('NoNewPrivs'))).toMatch(/1$/);
    expect(lines).toContain('1000');
    expect(lines.at(-1)).toBe('no namespace');
  });

  test('no key is kept in the kernel, no memory that belongs to no process, and no file is open but its own', async () => {
    const view = { readWrite: [places().clone], readOnly: [] };
    const script = `for my $call (${keyCalls.join(', ')}) { printf "%d %d\\n", syscall($call, 0, 0, 0, 0, 0), $! }`;
    expect(await said(`perl -e '${script}'`, view)).toEqual(keyCalls.map(() => '-1 1'));
    // What a shell that starts the tests has open besides is no concern here.
    const open = await said('ls /proc/self/fd', view);
    expect(open.filter(fd => Number(fd) < 10)).toEqual(['0', '1', '2', '3']);
  });

  test('what is written in place is written outside, and what is made belongs to the worker', async () => {
    const { clone, state } = places();
    const tool = inSandbox(`echo new > ${state}; echo made > made; exit 4`, {
      readWrite: [clone, state],
      readOnly: [],
    });
    expect(await tool.ended).toEqual({ exitCode: 4 });
    expect(readFileSync(state, 'utf8')).toBe('new\n');
    expect(statSync(join(clone, 'made')).uid).toBe(process.getuid?.());
  });

  test('a tool that cannot be enclosed does not run', async () => {
    const { clone, data } = places();
    const tool = inSandbox('echo ran', { readWrite: [clone], readOnly: [join(data, 'gone')] });
    expect(await tool.ended).toEqual({ exitCode: 1 });
    expect(tool.output()).toMatch(/^bwrap: /);
  });
});

describe.skipIf(requires('sandbox'))('a tool in a sandbox', () => {
  const view = () => ({ readWrite: [temporaryDirectory('clone')], readOnly: [] });

  test('is interrupted once, and its end counts', async () => {
    const script = `trap 'echo interrupted; n=1' INT; echo ready; while [ -z "$n" ]; do sleep 0.05; done; sleep 0.3; exit 3`;
    const tool = inSandbox(script, view());
    await tool.printed('ready');
    tool.stop();
    expect(await tool.ended).toEqual({ exitCode: 3 });
    expect(tool.output()).toBe('ready\ninterrupted\n');
  });

  test('is interrupted as soon as it listens', async () => {
    // A shell always listens.
    const deaf = 'print "deaf\\n"; select undef, undef, undef, 0.05 while !-e "go"';
    const script = `exec perl -e '$| = 1; ${deaf}; $SIG{INT} = sub { exit 3 }; sleep 1 while 1'`;
    const shown = view();
    const tool = inSandbox(script, shown);
    await tool.printed('deaf');
    tool.stop();
    await sleep(300);
    writeFileSync(join(shown.readWrite[0] ?? '', 'go'), '');
    expect(await tool.ended).toEqual({ exitCode: 3 });
  });

  test('is killed after the time it was given, with everything it started', async () => {
    const name = `4${process.pid}.125`;
    const script = `trap '' INT; setsid env -i sleep ${name} > /dev/null 2>&1 < /dev/null & echo ready; while :; do sleep 0.05; done`;
    const tool = inSandbox(script, view(), { graceMs: () => 300 });
    await tool.printed('ready');
    tool.stop();
    expect(await tool.ended).toEqual({ exitCode: undefined });
    expect(commandLines(name)).toEqual([]);
  });

  test('leaves nothing behind, not even what has left its group, its environment and its output', async () => {
    const name = `5${process.pid}.125`;
    const script = `setsid env -i sleep ${name} > /dev/null 2>&1 < /dev/null & while ! grep -qs ${name} /proc/[0-9]*/cmdline; do sleep 0.02; done; exit 5`;
    expect(await inSandbox(script, view()).ended).toEqual({ exitCode: 5 });
    expect(commandLines(name)).toEqual([]);
  });

  test('does its work to the end when the worker dies', async () => {
    const clone = temporaryDirectory('clone');
    const argv = ['-c', 'sleep 0.5; echo words; echo done > done'];
    const tool = {
      ...{
        file: '/bin/sh',
        argv,
        cwd: clone,
        env: { PATH: '/usr/bin:/bin' },
        graceMs: () => 1000,
        limits: usualSettings,
      },
      ...{ isolation, view: { readWrite: [clone], readOnly: [] }, outputFile: join(temporaryDirectory('out'), 'out') },
    };
    const worker = spawn(process.execPath, ['--input-type=module', '--eval', workerOf(tool)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(worker.stdout, 'data');
    worker.kill('SIGKILL');
    await expect.poll(() => existsSync(join(clone, 'done')), { timeout: 10_000 }).toBe(true);
  });
});

test.skipIf(requires('sandbox', 'root'))('an ordinary user can make a sandbox too', () => {
  const bwrap = isolation.kind === 'namespace' ? isolation.bwrap : '';
  const argv = [
    ...sandboxArgv({ readWrite: [], readOnly: [] }, '/'),
    '/bin/sh',
    '-c',
    'id -u; test -r /etc/shadow || echo blind',
  ];
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', bwrap, ...argv];
  expect(execFileSync('setpriv', nobody, { encoding: 'utf8', cwd: '/' })).toBe('1000\nblind\n');
});

test('`/tmp` leads to the temporary directory, unless that would hide what lies below it', () => {
  const argv = (clone: string) =>
    sandboxArgv({ readWrite: [clone, '/data/t'], readOnly: [], temporary: '/data/t' }, clone);
  expect(argv('/data/clone').join(' ')).toContain('--symlink /data/t /tmp');
  expect(argv('/tmp/clone')).not.toContain('--symlink');
});

/** A program that runs this tool and says when it does. */
const workerOf = (tool: object): string => `
  import { runTool } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../task-image/subprocess.ts')))};
  const stop = new AbortController().signal;
  const ended = runTool({ ...${JSON.stringify(tool)}, stop, output: () => {} });
  setTimeout(() => console.log('runs'), 200);
  await ended;
`;
