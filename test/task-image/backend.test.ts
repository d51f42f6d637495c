import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import { type Installation, install } from '../end-to-end/installation.ts';
import { type HttpBackend, startHttpBackend } from '../support/http-backend.ts';
import { bareRepository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ended, failed, refused } from './stage.ts';

const resource = 'resource "terraform_data" "x" {\n  input = "one"\n}\n';
const stack = (backend: string) => `terraform {\n  backend ${backend}\n}\n${resource}`;
const plan = (path: string): RequestBody => ({ command: 'plan', path, ref: 'main' });

describe.skipIf(requires('sshd', 'terraform'))('the backend of a stack', { timeout: 90_000 }, () => {
  let backend: HttpBackend;
  let elsewhere: HttpBackend;
  let installation: Installation;
  const secret = join(temporaryDirectory('secret'), 'x.tfstate');

  beforeAll(async () => {
    [backend, elsewhere] = await Promise.all([startHttpBackend(), startHttpBackend()]);
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), {
      'prod/unnamed/main.tf': stack(`"http" {\n    address = "${elsewhere.url}/prod/unnamed"\n  }`),
      'prod/local/main.tf': stack(`"local" {\n    path = "${secret}"\n  }`),
      'prod/plain/main.tf': resource,
      'prod/http/none/main.tf': resource,
      'prod/http/filled/main.tf': stack('"http" {}'),
      'prod/http/equal/main.tf': stack(`"http" {\n    address = "${backend.url}/prod/http/equal"\n  }`),
      'prod/http/differs/main.tf': stack(`"http" {\n    address = "${elsewhere.url}/prod/http/differs"\n  }`),
      'prod/http/extra/main.tf': stack('"http" {\n    update_method = "PUT"\n  }'),
      'prod/http/other/main.tf': stack(`"local" {\n    path = "${secret}"\n  }`),
    });
    const address = `${backend.url}/{path}`;
    const config = { address, lock_address: address, unlock_address: address };
    const stacks = [{ paths: ['prod/http/**'], backend: { type: 'http', config } }];
    installation = await install(repository.dir, { stacks });
  });
  afterAll(() => Promise.all([installation?.stop(), backend?.stop(), elsewhere?.stop()]));

  const states = () => readdirSync(join(installation.server.dataDir, 'state'));

  test('that the policy names works, filled in by the policy, and no state is kept here', async () => {
    const { server } = installation;
    const path = 'prod/http/filled';
    const planned = await ended(server, plan(path));
    expect(planned).toMatchObject({ state: 'succeeded', serial: { before: 0 } });
    const applied = await ended(server, { command: 'apply', path, ref: 'main', planId: planned.id });
    expect(applied).toMatchObject({ state: 'succeeded', serial: { before: 0, after: 1 } });
    expect(JSON.parse(backend.state(`/${path}`) ?? '{}')).toMatchObject({ serial: 1 });
    expect(await ended(server, plan(path))).toMatchObject({ state: 'succeeded', hasChanges: false });
    expect(states()).toEqual([]);
    // A plan takes no lock; an apply takes one and gives it back.
    expect(backend.requests.filter(line => /^(UN)?LOCK/.test(line))).toEqual([
      `LOCK /${path} 200`,
      `UNLOCK /${path} 200`,
    ]);
  });

  test('may repeat what the policy says', async () => {
    expect(await ended(installation.server, plan('prod/http/equal'))).toMatchObject({ state: 'succeeded' });
  });

  test.each([
    ['is refused when the policy names none', 'prod/unnamed', 'the policy names no backend for this path'],
    ['is refused when it is a file, and the policy names none', 'prod/local', 'the policy names no backend'],
    ['is refused when it sets more than the policy', 'prod/http/extra', 'the policy does not name it'],
    ['is refused when it sets another value than the policy', 'prod/http/differs', 'it is not what the policy says'],
    [
      'is refused when it is of another type than the policy says',
      'prod/http/other',
      'the policy wants backend `http`',
    ],
  ])('%s, and nobody is asked', async (_what, path, words) => {
    const { server } = installation;
    const run = await refused(server, plan(path), 'E_GATE');
    expect(run).toMatchObject({ phase: 'gate', exitCode: 5 });
    expect((await server.logs(run.id)).map(({ text }) => text).join('\n')).toContain(words);
    expect(existsSync(secret)).toBe(false);
    expect(elsewhere.requests).toEqual([]);
  });

  test('is refused when it is missing, and the policy names one', async () => {
    const run = await failed(installation.server, plan('prod/http/none'), 'E_BACKEND_NOT_ALLOWED');
    expect(run).toMatchObject({ state: 'failed', phase: 'init', exitCode: 5 });
    expect(run.error?.message).toContain('the stack declares no backend');
  });

  test('is the data directory for a stack that has none, and policy neither', async () => {
    const { server } = installation;
    const planned = await ended(server, plan('prod/plain'));
    const applied = await ended(server, { command: 'apply', path: 'prod/plain', ref: 'main', planId: planned.id });
    expect(applied).toMatchObject({ state: 'succeeded', serial: { before: 0, after: 1 } });
    expect(states()).toEqual([expect.stringMatching(/^infra-live@prod~plain~[0-9a-f]+\.tfstate$/)]);
  });
});
