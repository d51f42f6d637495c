import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../invoker/secret.ts';
import { openPolicy } from '../test-plane.ts';
import { startPlane as start } from './start-plane.ts';

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});
const startPlane = async (dataDir?: string) => {
  const plane = await start(dataDir);
  stop = plane.stop;
  return plane;
};

describe('/healthz', () => {
  test('is ok without a token, and counts the runs', async () => {
    const { health, submit } = await startPlane();
    expect(await health()).toEqual({
      code: 200,
      status: 'ok',
      version: expect.any(String),
      problems: [],
      runs: { queued: 0, running: 0 },
    });
    for (let n = 0; n < 3; n++) expect((await submit()).status).toBe(202);
    await expect.poll(async () => (await health()).runs).toEqual({ queued: 2, running: 1 });
  });

  test('says what is wrong with a policy file that was broken, and that it is good again', async () => {
    const { health, policy, log, submit } = await startPlane();
    writeFileSync(policy, openPolicy.replace('version: 1', 'version: 2'));
    await expect.poll(async () => (await health()).code).toBe(503);
    const { status, problems } = await health();
    expect(status).toBe('degraded');
    expect(problems).toEqual([expect.stringMatching(/allowlist\.yaml:1: .*; fix: /)]);
    expect(log()).toContain('the last good one stays in force');
    expect((await submit()).status).toBe(202);
    writeFileSync(policy, openPolicy);
    await expect.poll(health).toMatchObject({ code: 200, problems: [] });
  });

  test('says that the audit trail was changed while no server ran', async () => {
    const { dataDir, submit } = await startPlane();
    await submit();
    await stop?.();
    const database = new DatabaseSync(join(dataDir, 'ledger.sqlite'));
    database.exec(`update audit set entry = replace(entry, '"accepted"', '"refused"') where seq = 2`);
    database.close();
    const { health } = await startPlane(dataDir);
    expect(await health()).toMatchObject({
      code: 503,
      problems: ['the audit trail is broken at entry 2: it was changed: its hash does not match'],
    });
  });

  test('says that the keeper failed', async () => {
    const { dataDir } = await startPlane();
    await stop?.();
    const database = new DatabaseSync(join(dataDir, 'ledger.sqlite'));
    database.exec(`insert into runs (id, version, repo, path, state, open, record)
      values ('r_x', 0, 'infra-live', 'prod/vpc', 'queued', 1, '{"state":"lost","occupied":true}')`);
    database.close();
    const { health } = await startPlane(dataDir);
    await expect.poll(async () => (await health()).problems).toEqual([expect.stringContaining('the keeper failed: ')]);
  });
});

describe('the audit trail', () => {
  test('has the policy that is in force at each start, and every change of it', async () => {
    const later = openPolicy.replaceAll('prod/**', 'other/**');
    const { dataDir, policy, trail, health, submit } = await startPlane();
    const policies = async (of = trail) => (await of()).filter(({ kind }) => kind === 'policy');
    const event = (text: string) => ({ kind: 'policy', caller: 'policy file', policyDigest: digestOf(text) });
    expect(await policies()).toEqual([event(openPolicy)]);
    writeFileSync(policy, later);
    await expect.poll(async () => (await health()) && (await policies())).toEqual([event(openPolicy), event(later)]);
    expect((await submit()).status).toBe(403);
    expect((await trail()).at(-1)).toMatchObject({ kind: 'refused', policyDigest: digestOf(later) });
    await stop?.();
    const { trail: next } = await startPlane(dataDir);
    expect(await policies(next)).toEqual([event(openPolicy), event(later), event(openPolicy)]);
  });
});

describe('the server', () => {
  test('does not start on a directory that another one serves', async () => {
    const { dataDir } = await startPlane();
    const first = stop;
    await expect(startPlane(dataDir)).rejects.toThrow('another server uses');
    stop = first;
  });

  const answerTo = (url: string, text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.on('data', chunk => {
        answer += chunk;
      });
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
    });

  test('answers what is not HTTP in JSON', async () => {
    const { url } = await startPlane();
    expect(await answerTo(url, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*"E_BAD_REQUEST"/s);
  });

  test('answers a token that no header can hold with what is wrong, and goes on', async () => {
    const { url, health } = await startPlane();
    const head = `POST /v1/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a.${'b'.repeat(17_000)}.c\r\n\r\n`;
    const answer = await answerTo(url, head);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    const [headers = '', body = ''] = answer.split('\r\n\r\n');
    expect(headers).toContain(`content-length: ${Buffer.byteLength(body)}`);
    expect(JSON.parse(body).error).toMatchObject({ code: 'E_TOKEN_TOO_LARGE', fix: 'an ID token has 8 KiB at most' });
    expect((await health()).code).toBe(200);
  });

  test('reads an ID token of any length that a header can hold', async () => {
    const { url } = await startPlane();
    const ask = async (length: number) => {
      const response = await fetch(`${url}/v1/runs`, {
        method: 'POST',
        headers: { authorization: `Bearer a.${'b'.repeat(length)}.c`, 'content-type': 'application/json' },
        body: JSON.stringify({ command: 'plan', path: 'prod/vpc', ref: 'main' }),
      });
      const { error } = (await response.json()) as { error: { code: string } };
      return [response.status, error.code];
    };
    expect(await ask(4000)).toEqual([401, 'E_TOKEN_MALFORMED']);
    expect(await ask(9000)).toEqual([401, 'E_TOKEN_TOO_LARGE']);
  });
});
