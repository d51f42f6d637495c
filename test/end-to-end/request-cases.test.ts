/** Every request of the security cases is sent to a real server, on the very repository the cases are about. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import { fixtureRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Installation, install } from './installation.ts';
import { leftFiles, leftProcesses } from './leftovers.ts';

interface Case {
  readonly id: string;
  readonly expect: 'allow' | 'refuse';
  readonly phase: 'syntax' | 'policy' | 'resolve' | 'state' | 'run';
  readonly why: string;
  readonly payload: Record<string, unknown> | null;
  readonly raw_body?: { readonly base64: string };
}

const theirUrl = 'git@gitlab.example.com:acme/infra-live.git';
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'policies', 'request-cases.json'), 'utf8'),
) as Case[];
const statuses = { syntax: [400, 413, 415], policy: [400, 403] };

describe.skipIf(requires('sshd', 'terraform'))('the request cases', () => {
  let installation: Installation;
  beforeAll(async () => {
    const { dir } = fixtureRepository(temporaryDirectory('fixture'));
    installation = await install(dir, { workers: 2 });
  });
  afterAll(() => installation.stop());

  const bodyOf = ({ payload, raw_body }: Case): Uint8Array | object => {
    if (raw_body) return Buffer.from(raw_body.base64, 'base64');
    return payload?.repo === theirUrl ? { ...payload, repo: installation.url } : (payload ?? {});
  };

  const planFirst = async (body: object): Promise<void> => {
    if ((body as RequestBody).command !== 'apply') return;
    const { status, body: answer } = await installation.server.api('POST', '/v1/runs', { ...body, command: 'plan' });
    if (status === 202) await installation.server.waitForEnd((answer as { run: { id: string } }).run.id);
  };

  const atTheDoor = cases.filter(({ phase }) => phase === 'syntax' || phase === 'policy');
  test.each(atTheDoor)('$id is refused at the door: $why', async one => {
    const { status, body } = await installation.server.api('POST', '/v1/runs', bodyOf(one));
    expect(statuses[one.phase as keyof typeof statuses]).toContain(status);
    expect(body).toMatchObject({ error: { code: expect.stringMatching(/^E_[A-Z_]+$/) } });
    const decision = await installation.server.api('POST', '/v1/decisions', bodyOf(one));
    if (decision.status === 200) expect(decision.body).toMatchObject({ outcome: 'deny' });
    else expect(decision.status).toBe(status);
  });

  const inTheWorker = cases.filter(({ phase }) => phase === 'resolve' || phase === 'state');
  test.each(inTheWorker)('$id is refused before Terraform starts: $why', async one => {
    const body = bodyOf(one);
    await planFirst(body);
    const answer = await installation.server.api('POST', '/v1/runs', body);
    if (answer.status !== 202) return expect(answer.status).toBe(409);
    const run = await installation.server.waitForEnd((answer.body as { run: { id: string } }).run.id);
    expect(run).toMatchObject({ state: 'failed', terraformStarted: false, exitCode: 5 });
    expect(run.error?.code).toMatch(/^E_(REF|COMMIT|PATH)_[A-Z_]+$/);
  });

  const legitimate = cases.filter(({ phase }) => phase === 'run');
  test.each(legitimate)('$id runs: $why', async one => {
    const body = bodyOf(one);
    await planFirst(body);
    const { status, body: answer } = await installation.server.api('POST', '/v1/runs', body);
    expect({ status, answer }).toMatchObject({ status: 202 });
    const run = await installation.server.waitForEnd((answer as { run: { id: string } }).run.id);
    expect(run).toMatchObject({ state: 'succeeded', terraformStarted: true, exitCode: 0 });
  });

  test('all of them were tried, and nothing is left of them', async () => {
    expect(cases.length).toBe(atTheDoor.length + inTheWorker.length + legitimate.length);
    await expect.poll(() => leftFiles(installation.server.dataDir)).toEqual([]);
    expect(leftProcesses(installation.server.dataDir)).toEqual([]);
  });
});
