import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { exampleRepository } from '../demo/example-repository.ts';
import { requires } from './requirements.ts';
import { type Server, startServer } from './server.ts';
import { temporaryDirectory } from './temporary-directory.ts';

let server: Server | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const policy = (url = '/srv/infra-live.git') => ({
  version: 1,
  repositories: {
    'infra-live': {
      url,
      rules: [{ name: 'plan-anywhere', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**'] }],
    },
  },
});

test('comes back after kill -9 with the url and the tokens it had', async () => {
  server = await startServer({ policy: policy() });
  const { url, tokens, pid } = server;
  await server.kill9();
  await server.restart();
  expect({ url: server.url, tokens: server.tokens }).toEqual({ url, tokens });
  expect(server.pid).not.toBe(pid);
  expect(await server.api('GET', '/healthz')).toMatchObject({ status: 200 });
});

test('ends by itself when it is told to stop', async () => {
  server = await startServer({ policy: policy() });
  expect(await server.stop()).toBe(0);
});

test('reports what a server that does not start has said', async () => {
  await expect(startServer({ policy: 'version: 2\n' })).rejects.toThrow(/before it was ready: .*allowlist\.yaml:1/s);
});

describe.skipIf(requires('terraform'))('with terraform', () => {
  test('runs a plan and reads its log to the end', async () => {
    const repository = exampleRepository(join(temporaryDirectory(), 'infra-live.git'));
    server = await startServer({ policy: policy(repository.dir) });
    const { run } = await server.submit({ command: 'plan', path: 'prod/vpc', ref: 'main' });
    expect(await server.waitForEnd(run.id)).toMatchObject({ state: 'succeeded', counts: { create: 3 } });
    const text = (await server.logs(run.id)).map(line => line.text).join('\n');
    expect(stripVTControlCharacters(text)).toContain('Plan: 3 to add');
    expect(await server.cli(['runs', 'show', run.id])).toMatchObject({ status: 0 });
  });
});
