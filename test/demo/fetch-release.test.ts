import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../support/command.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { fetchRelease } from './fetch-release.ts';
import { terraformRelease } from './releases.ts';
import { zip } from './zip.ts';

const archive = zip({ 'LICENSE.txt': 'free', terraform: '#!/bin/sh\necho a fake release\n' });
const digest = createHash('sha256').update(archive).digest('hex');
const said: string[] = [];
let cacheDir: string;
let server: Server | undefined;

beforeEach(() => {
  said.length = 0;
  cacheDir = join(temporaryDirectory(), 'cache');
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function mirror(listener: RequestListener): Promise<string> {
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

const fetched = (host: string, { expected = digest, platform = 'linux', arch = 'x64' } = {}) =>
  fetchRelease({
    release: { version: '9.9.9', digests: { linux_amd64: expected } },
    host,
    cacheDir,
    platform,
    arch,
    say: line => said.push(line),
  });

test('fetches the archive of this platform, checks it and keeps a program that runs', async () => {
  const asked: string[] = [];
  const host = await mirror((request, response) => {
    asked.push(request.url ?? '');
    response.end(archive);
  });
  const dir = await fetched(host);
  expect(asked).toEqual(['/9.9.9/terraform_9.9.9_linux_amd64.zip']);
  expect((await run(join(dir, 'terraform'), [])).stdout).toBe('a fake release\n');
  expect(said.join('\n')).toContain(`fetching Terraform 9.9.9 from ${host}`);
});

test('fetches nothing when the cache has it', async () => {
  const dir = await fetched(await mirror((_, response) => response.end(archive)));
  server?.close();
  expect(await fetched('http://127.0.0.1:9')).toBe(dir);
});

test('refuses an archive with another digest and keeps nothing', async () => {
  const host = await mirror((_, response) => response.end(Buffer.concat([archive, Buffer.from('!')])));
  await expect(fetched(host)).rejects.toThrow(/has SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}: not used/);
  expect(existsSync(cacheDir)).toBe(false);
});

test('keeps nothing of a download that breaks off', async () => {
  const host = await mirror((_, response) => {
    response.writeHead(200, { 'content-length': archive.length });
    response.write(archive.subarray(0, 20), () => response.destroy());
  });
  await expect(fetched(host)).rejects.toThrow(/cannot be fetched: .*\n {2}fix: install terraform/s);
  expect(existsSync(cacheDir)).toBe(false);
});

test('says what the mirror answered', async () => {
  const host = await mirror((_, response) => response.writeHead(404).end());
  await expect(fetched(host)).rejects.toThrow('it answers 404');
});

test('says why the mirror cannot be reached', async () => {
  const host = await mirror(() => undefined);
  await new Promise(resolve => server?.close(resolve));
  await expect(fetched(host)).rejects.toThrow(/cannot be fetched: fetch failed: connect ECONNREFUSED/);
});

test('keeps nothing when the archive holds no terraform', async () => {
  const other = zip({ tofu: 'x' });
  const host = await mirror((_, response) => response.end(other));
  const expected = createHash('sha256').update(other).digest('hex');
  await expect(fetched(host, { expected })).rejects.toThrow('there is no `terraform` in the archive');
  expect(existsSync(cacheDir) ? readdirSync(cacheDir) : []).toEqual([]);
});

test('says which platform it has no release for', async () => {
  await expect(fetched('http://127.0.0.1:9', { platform: 'win32' })).rejects.toThrow(
    'there is no pinned Terraform for win32_amd64',
  );
});

test('pins a digest for Linux and macOS on both processors', () => {
  expect(Object.keys(terraformRelease.digests).sort()).toEqual([
    'darwin_amd64',
    'darwin_arm64',
    'linux_amd64',
    'linux_arm64',
  ]);
  for (const pinned of Object.values(terraformRelease.digests)) expect(pinned).toMatch(/^[0-9a-f]{64}$/);
});
