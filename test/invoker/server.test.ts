import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { dist } from '../support/cli.ts';
import { run } from '../support/command.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { freePort } from '../support/free-port.ts';
import { type Server, type ServerOptions, startServer } from '../support/server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openPolicy } from './test-plane.ts';

const servers: Server[] = [];
const start = async (options: Partial<ServerOptions> = {}): Promise<Server> => {
  const server = await startServer({ policy: openPolicy, ...options });
  servers.push(server);
  return server;
};
afterEach(() => Promise.all(servers.splice(0).map(server => server.stop())));

const serve = (...args: readonly string[]) =>
  run(process.execPath, [join(dist(), 'infra-deployer-server.js'), ...args], { env: cleanEnvironment() });
const policyIn = (text: string) => {
  const file = join(temporaryDirectory('policy'), 'allowlist.yaml');
  writeFileSync(file, text);
  return file;
};
const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);

describe('infra-deployer-server', () => {
  test('prints one line with its url, and keeps url and tokens in a file for its owner alone', async () => {
    const server = await start();
    const { dataDir, url, tokens } = server;
    expect(server.log()).toMatch(new RegExp(`^infra-deployer-server listening on ${url}$`, 'm'));
    expect(JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8'))).toEqual({ url, tokens });
    expect(tokens.deploy).not.toBe(tokens.audit);
    expect([mode(dataDir), mode(join(dataDir, 'server.json'))]).toEqual(['700', '600']);
    expect(server.log()).not.toContain(tokens.deploy);
    expect((await server.api('GET', '/healthz', undefined, '')).status).toBe(200);
    expect(await server.stop()).toBe(0);
  });

  test('keeps port, tokens and runs over a restart, and over its death', async () => {
    const server = await start();
    const { url, tokens } = server;
    const { run } = await server.submit({ command: 'plan', path: 'prod/vpc', ref: 'main' });
    for (const end of [async () => {}, () => server.kill9()]) {
      await end();
      await server.restart();
      expect([server.url, server.tokens]).toEqual([url, tokens]);
      expect((await server.run(run.id)).id).toBe(run.id);
    }
  });

  test('takes the port that it is told, and says so when it is taken', async () => {
    const port = await freePort();
    const server = await start({ port });
    expect(server.url).toBe(`http://127.0.0.1:${port}`);
    const data = temporaryDirectory('data');
    const { status, stderr } = await serve('--policy', server.policyFile, '--data-dir', data, '--port', `${port}`);
    expect([status, stderr]).toEqual([1, expect.stringContaining('fix: choose another --port')]);
  });

  test('serves a directory alone', async () => {
    const server = await start();
    const { status, stderr, stdout } = await serve('--policy', server.policyFile, '--data-dir', server.dataDir);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`another server uses ${server.dataDir}; fix: stop it, or choose another --data-dir`);
    expect((await server.api('GET', '/healthz')).status).toBe(200);
  });

  test('does not start with a malformed policy, and says every place, with a fix', async () => {
    const data = join(temporaryDirectory(), 'data');
    const policy = policyIn(openPolicy.replace('version: 1', 'version: 9').replace('allow: [apply]', 'alow: [apply]'));
    const { status, stdout, stderr } = await serve('--policy', policy, '--data-dir', data);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/allowlist\.yaml:1: .*; fix: /);
    expect(stderr).toMatch(/allowlist\.yaml:7: .*; fix: /);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(join(data, 'server.json'))).toBe(false);
  });

  test.each([
    ['not there', '/nowhere/allowlist.yaml', 'cannot be read: ENOENT'],
    ['no YAML', policyIn('version: [1'), 'allowlist.yaml:1: this is not plain YAML'],
    ['empty', policyIn(''), 'allowlist.yaml:1: '],
  ])('does not start with a policy that is %s', async (_, policy, says) => {
    const { status, stderr } = await serve('--policy', policy, '--data-dir', temporaryDirectory('data'));
    expect([status, stderr]).toEqual([1, expect.stringContaining(says)]);
  });

  test.each([
    [[], '--policy FILE and --data-dir DIR are needed; fix: see --help'],
    [['--policy', 'x', '--data-dir', 'y', '--workers', '0'], '--workers is a whole number from 1 to 64'],
    [['--policy', 'x', '--data-dir', 'y', '--port', '65536'], '--port is a whole number from 0 to 65535'],
    [['--policy', 'x', '--data-dir', 'y', '--lease-seconds', 'x'], '--lease-seconds is a whole number from 2 to 600'],
    [['--colour'], '--colour'],
    [['start'], 'start'],
  ])('ends with 3 and one sentence for %j', async (args, says) => {
    const { status, stdout, stderr } = await serve(...args);
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/^infra-deployer-server: [^\n]+\n$/);
    expect(stderr).toContain(says);
  });

  test('takes another port when something else has the one of last time', async () => {
    const { dataDir, url, stop } = await start();
    await stop();
    const other = createServer().listen(Number(new URL(url).port), '127.0.0.1');
    await once(other, 'listening');
    expect((await start({ dataDir })).url).not.toBe(url);
    other.close();
  });

  test('outlives whoever reads what it says', async () => {
    const policy = policyIn(openPolicy);
    const args = [
      join(dist(), 'infra-deployer-server.js'),
      '--policy',
      policy,
      '--data-dir',
      temporaryDirectory('data'),
    ];
    const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [url] = /http:\S+/.exec(line.toString()) ?? [];
    child.stdout.destroy();
    child.stderr.destroy();
    writeFileSync(policy, 'version: 2\n');
    await expect.poll(async () => (await fetch(`${url}/healthz`)).status).toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(503);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('tells how to use it, and its version', async () => {
    const { status, stdout } = await serve('--help');
    expect(status).toBe(0);
    for (const flag of ['--policy', '--data-dir', '--host', '--port', '--workers', '--lease-seconds'])
      expect(stdout).toContain(flag);
    expect((await serve('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
