/** A stack with a private module, from the request to the end of its apply, on a real server. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Installation, install } from '../end-to-end/installation.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ended, failed } from './stage.ts';

describe.skipIf(requires('sshd', 'terraform'))('a stack with a private module', { timeout: 90_000 }, () => {
  let modulesSshd: Sshd;
  let installation: Installation;
  beforeAll(async () => {
    modulesSshd = await startSshd();
    const module = bareRepository(join(temporaryDirectory('module'), 'words.git'), {
      'main.tf': 'resource "terraform_data" "x" {\n  input = file("${path.module}/words.txt")\n}\n',
      'words.txt': 'from the private module',
    });
    const bad = bareRepository(join(temporaryDirectory('module'), 'bad.git'), {
      'main.tf': 'module "deeper" {\n  source = "./deeper"\n}\n',
      'deeper/main.tf': 'resource "terraform_data" "x" {\n  provisioner "local-exec" {\n    command = "id"\n  }\n}\n',
    });
    const other = bareRepository(join(temporaryDirectory('module'), 'other.git'), { 'main.tf': '' });
    const stack = ({ dir, id }: Repository) =>
      `module "words" {\n  source = "git::${modulesSshd.url(dir)}?ref=${id('main')}"\n}\n`;
    const repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), {
      'prod/listed/main.tf': stack(module),
      'prod/unlisted/main.tf': stack(other),
      'prod/bad/main.tf': stack(bad),
    });
    const known_hosts = modulesSshd.knownHosts;
    const modules = [module, bad].map(({ dir }) => ({
      url: modulesSshd.url(dir),
      deploy_key: `file:${modulesSshd.keyOf(dir)}`,
      known_hosts,
    }));
    installation = await install(repository.dir, { modules });
  });
  afterAll(() => Promise.all([installation?.stop(), modulesSshd?.stop()]));

  test('is planned, and applied from that plan, with the files that the module reads', async () => {
    const { server } = installation;
    const planned = await ended(server, { command: 'plan', path: 'prod/listed', ref: 'main' });
    expect(planned).toMatchObject({ state: 'succeeded', counts: { create: 1 } });
    const applied = await ended(server, { command: 'apply', path: 'prod/listed', ref: 'main', planId: planned.id });
    expect(applied).toMatchObject({ state: 'succeeded' });
    const log = (await server.logs(applied.id)).map(line => line.text).join('\n');
    expect(log).toContain('Apply complete');
  });

  test('is refused with what an admin can do where the module is not listed', async () => {
    const run = await failed(installation.server, { command: 'plan', path: 'prod/unlisted', ref: 'main' }, 'E_GATE');
    expect(run).toMatchObject({ terraformStarted: false });
    expect(run.error?.fix).toContain('`modules`');
  });

  test('is refused after init, and before anything of it runs, where the module does what no stack may', async () => {
    const { server } = installation;
    const run = await failed(server, { command: 'plan', path: 'prod/bad', ref: 'main' }, 'E_GATE');
    expect(run).toMatchObject({ phase: 'init', exitCode: 5 });
    const log = (await server.logs(run.id)).map(line => line.text).join('\n');
    expect(log).toContain('.terraform/modules/words/deeper/main.tf:2  provisioner "local-exec"');
  });
});
