import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { buildApp } from '../../../invoker/app.ts';
import { planFiles } from '../../../invoker/embedded/plan-files.ts';
import { deriveKeys, newRunId } from '../../../invoker/secret.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { plansContract, put } from '../plans-contract.ts';
import { t0 } from '../sample-run.ts';

async function listen() {
  const directory = temporaryDirectory('plans');
  const app = buildApp(false);
  const keys = deriveKeys(new Uint8Array(32));
  let url = '';
  let now = t0;
  const { plans, routes } = planFiles({ directory, keys, url: () => url, now: () => now });
  await app.register(routes);
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    directory,
    plans,
    parameters: ['digest', 'size', 'until', 'grant'],
    wait: (ms: number) => {
      now += ms;
    },
    close: () => app.close(),
  };
}

plansContract('plans in files', listen);

let here: Awaited<ReturnType<typeof listen>>;
afterEach(() => here?.close());

const bytes = Buffer.from('password = "hunter2"');
const stored = async () => {
  here = await listen();
  const planId = newRunId();
  const digest = createHash('sha256').update(bytes).digest('hex');
  await put(await here.plans.grantUpload(planId, { digest, size: bytes.length }), bytes);
  const [name = '', ...more] = readdirSync(here.directory);
  expect(more).toEqual([]);
  return { planId, file: join(here.directory, name) };
};

test('a plan lies encrypted in a file for its owner alone, with nothing left beside it', async () => {
  const { file } = await stored();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file).includes('hunter2')).toBe(false);
});

test.each([0, 12, 28, 47])('a plan of which byte %i was changed is refused, as are the rest', async at => {
  const { planId, file } = await stored();
  const content = readFileSync(file);
  content[at] = (content[at] ?? 0) ^ 1;
  for (const changed of [content, content.subarray(0, 20), Buffer.alloc(0)]) {
    writeFileSync(file, changed);
    const response = await fetch(await here.plans.grantDownload(planId));
    expect([response.status, await response.text()]).toEqual([409, expect.stringContaining('E_PLAN_DAMAGED')]);
  }
});

/** Sends a head and what is given of a body, and waits for the answer. */
const answerTo = (url: string, headers: readonly string[], body = ''): Promise<string> => {
  const { port, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      const head = [`PUT ${pathname}${search} HTTP/1.1`, 'host: x', 'content-type: application/octet-stream'];
      socket.write([...head, ...headers, '', body].join('\r\n'));
    });
    socket.once('data', data => {
      socket.destroy();
      resolve(`${data}`);
    });
    socket.on('error', reject);
  });
};

test('a plan without a grant, or of another length than the grant is for, is refused before its bytes come', async () => {
  here = await listen();
  const url = await here.plans.grantUpload(newRunId(), { digest: 'a'.repeat(64), size: 100_000_000 });
  expect(await answerTo(url.replace('grant=', 'grant=x'), ['content-length: 100000000'])).toMatch(/^HTTP\/1.1 404 /);
  for (const length of ['99999999', '100000001', '0100000000'])
    expect(await answerTo(url, [`content-length: ${length}`])).toMatch(/^HTTP\/1.1 400 /);
  expect(await answerTo(url, ['transfer-encoding: chunked'], '1\r\nx')).toMatch(/^HTTP\/1.1 400 /);
  expect(readdirSync(here.directory)).toEqual([]);
});

test('a plan that was being written when the server died is none, and is removed like one', async () => {
  here = await listen();
  const planId = newRunId();
  writeFileSync(join(here.directory, `${planId}.plan.0123456789ab`), 'half a pl');
  expect([await here.plans.has(planId), await here.plans.list()]).toEqual([false, [planId]]);
  await here.plans.remove(planId);
  expect(readdirSync(here.directory)).toEqual([]);
});

test('a plan is refused in the place of another content type, and read nowhere else', async () => {
  here = await listen();
  const url = await here.plans.grantUpload(newRunId(), { digest: 'a'.repeat(64), size: 1 });
  const response = await fetch(url, { method: 'PUT', body: 'x', headers: { 'content-type': 'text/plain' } });
  expect(response.status).toBe(415);
});
