import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finish } from '../../policies/contract/worker.ts';
import { mustRun, run } from '../support/command.ts';
import { type HttpBackend, startHttpBackend } from '../support/http-backend.ts';
import { type Bases, imageBases } from '../support/image-bases.ts';
import { commandLines } from '../support/processes.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { startRuntimeApi } from '../support/runtime-api.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whereIs } from '../support/where-is.ts';
import { runId } from './parts.ts';
import { type ScriptedDoor, startScriptedDoor } from './scripted-door.ts';
import { zipOf } from './zip.ts';

const root = join(import.meta.dirname, '..', '..');
const tag = 'localhost/infra-deployer-test/worker:latest';
const isCached = { timeout: 300_000 };

/** In nobody else's command line. */
const asleep = `6${process.pid}.125`;

/** Says what planned code can reach: it stands where a tool stands, and all it says is told as lines. */
const spy = `#!/bin/sh
if [ "$1" = version ]; then echo '{"terraform_version": "0.0.1"}'; exit; fi
worker=$(grep -lsz '^node' /proc/[0-9]*/cmdline | head -n 1)
worker=$(dirname "$worker")
tell() { echo "spy: $*"; }
tell user $(id -u) $(id -g) $(id -G)
tell worker $(stat -c %u "$worker" 2>&1)
tell environ $(cat "$worker/environ" 2>&1 | tr '\\0' ' ')
tell memory $(head -c 1 "$worker/mem" 2>&1)
tell descriptors $(ls "$worker/fd" 2>&1)
tell signal $(kill -0 "$(basename "$worker")" 2>&1 && echo sent)
kill -USR1 "$(basename "$worker")" 2>/dev/null && sleep 1
tell debugger $(bash -c 'echo reached </dev/tcp/127.0.0.1/9229' 2>&1)
tell run $(ls /tmp/work /tmp/work/run 2>&1)
tell root $(touch /opt/x 2>&1)
tell setuid none $(find / -xdev -perm /6000 -type f 2>/dev/null)
setsid sleep ${asleep} >/dev/null 2>&1 &
touch /tmp/left
mkdir -p /tmp/closed/inner && touch /tmp/closed/inner/file && chmod 0 /tmp/closed/inner /tmp/closed
exit 1
`;

describe.skipIf(requires('image', 'sshd', 'terraform'))('the image', isCached, () => {
  let bases: Bases;
  let served: { url: string; stop: () => void };
  let output: string;
  const files = new Map<string, Buffer>();

  const listed = (name: string, version: string, file: string, bytes: Buffer) => {
    files.set(`/${file}`, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { name, version, url: `${served.url}/${file}`, sha256: { amd64: sha256, arm64: sha256 } };
  };
  const built = async (tools: readonly object[], name = tag) => {
    const list = join(temporaryDirectory('tools'), 'tools.json');
    writeFileSync(list, JSON.stringify(tools));
    const args = bases.buildArgs.flatMap(arg => ['--build-arg', arg]);
    const argv = ['image.config.ts', '--builder', 'buildah', '--tag', name, '--tools', list, ...args];
    return run(process.execPath, argv, { cwd: root, env: bases.env, timeoutMs: 280_000 });
  };
  const terraform = () => {
    const text = readFileSync(whereIs('terraform') ?? '');
    return listed('terraform', '1.11.4', 'terraform.zip', zipOf([{ name: 'terraform', text, method: 0 }]));
  };

  beforeAll(async () => {
    const server = createServer((request, response) => {
      const file = files.get(request.url ?? '');
      response.writeHead(file ? 200 : 404).end(file);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    served = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => server.close() };
    bases = await imageBases();
    const tools = [terraform(), listed('tofu', '0.0.1', 'tofu', Buffer.from(spy))];
    const { status, stdout, stderr } = await built(tools);
    expect(status, `${stdout}${stderr}`).toBe(0);
    output = stdout;
  }, 300_000);
  afterAll(async () => {
    served?.stop();
    // What earlier runs have left; the bases and what this run has made are there for the next one.
    if (bases) await run('buildah', ['rmi', '--prune', '--force'], { env: bases.env });
  });

  test('is built, and its size and contents are told', () => {
    const told = output.slice(output.lastIndexOf(`${tag}: `));
    const isPackage = (line: string) => line.includes('\t');
    const lines = told.trim().split('\n');
    console.log([...lines.filter(line => !isPackage(line)), `${lines.filter(isPackage).length} packages`].join('\n'));
    expect(told).toMatch(/: [0-9.]+ [MG]B\nnode v[0-9.]+\n/);
    for (const name of ['terraform', 'terraform-1.11.4', 'tofu-0.0.1']) expect(told.split('\n')).toContain(name);
    expect(told).toMatch(/^git\t[0-9]/m);
    expect(told).not.toContain('bubblewrap');
  });

  test('is not built with a tool that has another checksum', async () => {
    const wrong = { ...terraform(), sha256: { amd64: '0'.repeat(64), arm64: '0'.repeat(64) } };
    const { status, stdout, stderr } = await built([wrong], `${tag}-wrong`);
    expect(status).toBe(1);
    expect(`${stdout}${stderr}`).toMatch(/terraform\.zip has checksum [0-9a-f]{64}, the list says 0{64}/);
  });

  describe('runs', () => {
    let mount: string;
    let container: string;
    let config: { Env: string[]; Entrypoint: string[] };
    let sshd: Sshd;
    let backend: HttpBackend;
    let repository: Repository;
    let door: ScriptedDoor;
    const buildah = async (...argv: readonly string[]) =>
      (await mustRun('buildah', argv, { env: bases.env })).stdout.trim();

    beforeAll(async () => {
      container = await buildah('from', '--pull-never', tag);
      mount = await buildah('mount', container);
      config = JSON.parse(await buildah('inspect', '--type', 'image', tag)).OCIv1.config;
      sshd = await startSshd();
      backend = await startHttpBackend();
      const stack = `terraform {\n  backend "http" {}\n}\nresource "terraform_data" "x" {}\n`;
      repository = bareRepository(join(temporaryDirectory('repo'), 'infra.git'), {
        'prod/vpc/main.tf': stack,
        'prod/spied/main.tf': stack,
      });
    });
    afterAll(async () => {
      await sshd?.stop();
      await backend?.stop();
      if (container) await buildah('rm', container);
    });

    /** A door whose run plans this path, with a deploy key that this user may read. */
    async function doorFor(path: string, owner: number): Promise<string> {
      const key = join(temporaryDirectory('key'), 'id');
      copyFileSync(sshd.keyOf(repository.dir), key);
      chmodSync(key, 0o600);
      chownSync(key, owner, owner);
      const url = sshd.url(repository.dir);
      const rules = [{ name: 'all', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'] }];
      const http = { type: 'http', config: { address: `${backend.url}/{path}` } };
      const stacks = [
        { paths: ['prod/**'], backend: http },
        { paths: ['prod/spied'], binary: 'tofu', version: '0.0.1' },
      ];
      const infra = { url, deploy_key: 'file:/mnt/key', known_hosts: sshd.knownHosts, rules, stacks };
      const policy = { version: 1, repositories: { 'infra-live': infra } };
      const request = { command: 'plan', path, ref: 'refs/heads/main' } as const;
      door = await startScriptedDoor({ policy, request, leaseMs: 15_000 });
      return key;
    }

    /**
     * The entry as a platform starts it: root file system read-only, an empty /tmp, process ids of its own, and of all
     * capabilities those that the task is left.
     */
    function start(key: string, env: Record<string, string>, as: readonly string[]): ChildProcess {
      const capabilities = ['CHOWN', 'DAC_OVERRIDE', 'KILL', 'SETGID', 'SETUID'].flatMap(name => [
        '--cap-add',
        `CAP_${name}`,
      ]);
      const argv = [
        ...['--ro-bind', mount, '/', '--proc', '/proc', '--dev', '/dev', '--perms', '1777', '--tmpfs', '/tmp'],
        ...[
          '--tmpfs',
          '/mnt',
          '--bind',
          key,
          '/mnt/key',
          '--unshare-pid',
          '--unshare-ipc',
          '--as-pid-1',
          '--die-with-parent',
        ],
        ...['--cap-drop', 'ALL', ...capabilities, '--chdir', '/', '--', ...as, ...config.Entrypoint],
      ];
      const own = Object.fromEntries(config.Env.map(line => line.split(/=(.*)/s).slice(0, 2)));
      return spawn('bwrap', argv, {
        env: { ...own, INFRA_DEPLOYER_DOOR: door.url, SECRET_OF_THE_PLATFORM: 'hush', ...env },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
    }
    const task = (key: string) => start(key, { INFRA_DEPLOYER_RUN: runId, INFRA_DEPLOYER_TICKET: 'ticket' }, []);
    const asLambda = ['setpriv', '--reuid=993', '--regid=990', '--clear-groups', '--inh-caps=-all', '--'];
    const finish = () => door.of('finish').at(-1)?.body as Finish;
    const spied = () =>
      Object.fromEntries(
        door
          .lines()
          .filter(line => line.startsWith('spy: '))
          .map(line => line.slice('spy: '.length).split(/ (.*)/s)),
      );

    test('a plan as a task', async () => {
      const child = task(await doorFor('prod/vpc', 0));
      expect((await once(child, 'exit'))[0]).toBe(0);
      expect(finish()).toMatchObject({ outcome: 'succeeded', counts: { create: 1 }, tool: { version: '1.11.4' } });
      await door.away();
    });

    test('and in a task planned code is another user, who reaches nothing of the worker', async () => {
      const child = task(await doorFor('prod/spied', 0));
      expect((await once(child, 'exit'))[0]).toBe(0);
      expect(finish()).toMatchObject({ outcome: 'failed', error: { code: 'E_INIT' } });
      const seen = spied();
      expect(seen).toMatchObject({ user: '10001 10001 10001', worker: '0', setuid: 'none' });
      for (const what of ['environ', 'memory', 'descriptors', 'run']) expect(seen[what]).toContain('Permission denied');
      expect(seen.signal).toMatch(/not permitted|No such process/);
      expect(seen.root).toContain('Read-only file system');
      expect(JSON.stringify(door.lines())).not.toContain('hush');
      await door.away();
    });

    test('a plan in Lambda', async () => {
      const api = await startRuntimeApi();
      const child = start(await doorFor('prod/vpc', 993), { AWS_LAMBDA_RUNTIME_API: api.address }, asLambda);
      try {
        await api.invoke(JSON.stringify({ run: runId, ticket: 'ticket' }));
        expect(finish()).toMatchObject({ outcome: 'succeeded', counts: { create: 1 } });
      } finally {
        child.kill('SIGKILL');
        await once(child, 'exit');
        api.stop();
      }
      await door.away();
    });

    test('and in Lambda planned code does not see into the worker, and nothing of a run is there for the next', async () => {
      const api = await startRuntimeApi();
      const event = JSON.stringify({ run: runId, ticket: 'ticket' });
      const done = { kind: 'response', body: { run: runId } };
      const child = start(await doorFor('prod/spied', 993), { AWS_LAMBDA_RUNTIME_API: api.address }, asLambda);
      try {
        expect(await api.invoke(event)).toEqual(done);
        expect(finish()).toMatchObject({ outcome: 'failed', error: { code: 'E_INIT' } });
        expect(commandLines(asleep)).toEqual([]);
        const [first] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
        expect(readdirSync(`/proc/${first}/root/tmp`)).toEqual([]);
        expect(await api.invoke(event)).toEqual(done);
        expect(door.of('finish').length).toBe(2);
      } finally {
        child.kill('SIGKILL');
        await once(child, 'exit');
        api.stop();
      }
      const seen = spied();
      // One user, but one that cannot look into what runs a program that it cannot read.
      expect(seen).toMatchObject({ user: '993 990 990', setuid: 'none' });
      for (const what of ['environ', 'memory', 'descriptors']) expect(seen[what]).toContain('Permission denied');
      expect(seen.signal).toBe('sent');
      expect(seen.debugger).toContain('Connection refused');
      expect(JSON.stringify(door.lines())).not.toContain('hush');
      await door.away();
    });
  });
});
