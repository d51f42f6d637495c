import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModuleRepository } from '../../policies/allowlist.ts';
import { type ModuleParts, takeModuleKeys } from '../../task-image/module-keys.ts';
import { planFile } from '../../task-image/places.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { bareRepository, type Files, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { problemFrom, runDirectory, runId } from './parts.ts';
import { runningStack } from './running-stack.ts';

const parts = (runDir: string, modules: readonly ModuleRepository[]): ModuleParts => ({
  modules,
  moduleSources: [],
  runDir,
  runId,
  path: process.env.PATH ?? '/usr/bin:/bin',
  hide: () => {},
});

/** The processes that have a directory in their command line, as agents have that of their socket. */
const agentsIn = (directory: string): string[] =>
  readdirSync('/proc').filter(pid => {
    try {
      return /^[0-9]+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${directory}/`);
    } catch {
      return false;
    }
  });

const words = (text: string) => ({ 'main.tf': `output "words" {\n  value = "${text}"\n}\n` });
const stackOf = (...sources: readonly string[]) => ({
  'main.tf': sources.map((source, at) => `module "m${at}" {\n  source = "${source}"\n}\n`).join(''),
});

test('without private modules git goes nowhere, or by https where the policy has such sources', async () => {
  const runDir = runDirectory();
  const none = await takeModuleKeys(parts(runDir, []));
  const some = await takeModuleKeys({ ...parts(runDir, []), moduleSources: ['git::https://git.example.com/**'] });
  expect(none.environment).toMatchObject({ GIT_ALLOW_PROTOCOL: 'none' });
  expect(some.environment).toMatchObject({ GIT_ALLOW_PROTOCOL: 'https' });
  expect(readdirSync(runDir)).toEqual(['h']);
  await none.drop();
});

describe.skipIf(requires('sshd', 'terraform'))('the keys of private modules', () => {
  let sshd: Sshd;
  let network: Repository;
  let dns: Repository;
  let unlisted: Repository;
  let modules: readonly ModuleRepository[];
  const repositories = temporaryDirectory('repositories');
  const repository = (name: string, files: Files) => bareRepository(join(repositories, name), files);
  const listed = ({ dir }: Repository, keyFile = sshd.keyOf(dir)): ModuleRepository => ({
    url: sshd.url(dir),
    deployKey: `file:${keyFile}`,
    knownHosts: sshd.knownHosts,
  });
  beforeAll(async () => {
    sshd = await startSshd();
    network = repository('network.git', { 'vpc/main.tf': words('new')['main.tf'] });
    network.tag('v1', 'main');
    network.commit('main', { 'vpc/main.tf': null });
    dns = repository('dns.git', words('dns'));
    unlisted = repository('network.git-evil', words('evil'));
    modules = [listed(network), listed(dns)];
  });
  afterAll(() => sshd?.stop());

  const source = ({ dir }: Repository, rest = '') => `git::${sshd.url(dir)}${rest}`;
  const logins = () => sshd.log().split('Accepted publickey').length - 1;

  /** `init` with these keys, which are dropped afterwards whatever has become of it. */
  const initiated = async (files: Record<string, string>, with_ = modules) => {
    const stack = runningStack(files);
    const keys = await takeModuleKeys(parts(stack.runDir, with_));
    try {
      await stack.init(keys);
    } finally {
      await keys.drop();
    }
    return stack;
  };
  const refusal = (files: Record<string, string>, with_ = modules) => problemFrom(() => initiated(files, with_));

  test('each open their own repository, while init runs', async () => {
    const { cwd, runDir, plan } = await initiated(stackOf(source(network, '//vpc?ref=v1'), source(dns, '?ref=main')));
    expect(existsSync(join(runDir, 'd/modules/m0/vpc/main.tf'))).toBe(true);
    expect(existsSync(join(runDir, 'd/modules/m1/main.tf'))).toBe(true);
    expect(readdirSync(cwd)).toContain('main.tf');
    await plan(planFile(runDir));
  });

  test('are in no file, and with one agent each', async () => {
    const runDir = runDirectory();
    const hidden: string[] = [];
    const keys = await takeModuleKeys({ ...parts(runDir, modules), hide: secret => void hidden.push(secret) });
    const directory = join(runDir, 'm');
    expect(keys.paths).toEqual([directory]);
    const own = modules.map(({ deployKey }) => readFileSync(deployKey.slice('file:'.length), 'utf8'));
    expect(hidden).toEqual(own);
    const files = readdirSync(directory).filter(name => name === 'ssh' || name.endsWith('.hosts'));
    for (const file of files) expect(readFileSync(join(directory, file), 'utf8')).not.toContain('PRIVATE KEY');
    for (const [at, { deployKey }] of modules.entries()) {
      const env = cleanEnvironment({ SSH_AUTH_SOCK: join(directory, `${at}`) });
      const [type, key] = readFileSync(`${deployKey.slice('file:'.length)}.pub`, 'utf8').split(' ');
      const has = execFileSync('ssh-add', ['-L'], { env, encoding: 'utf8' }).trimEnd().split('\n');
      expect(has.map(line => line.split(' ').slice(0, 2))).toEqual([[type, key]]);
    }
    await keys.drop();
  });

  test('are gone with their agents once they are dropped, which may happen twice', async () => {
    const runDir = runDirectory();
    const keys = await takeModuleKeys(parts(runDir, modules));
    expect(agentsIn(runDir).length).toBeGreaterThanOrEqual(modules.length);
    await keys.drop();
    expect(agentsIn(runDir)).toEqual([]);
    expect(readdirSync(runDir)).toEqual(['h']);
    await expect(keys.drop()).resolves.toBeUndefined();
  });

  test('are gone when the worker is killed', async () => {
    const runDir = runDirectory();
    const file = join(import.meta.dirname, '../../task-image/module-keys.ts');
    const script = `const { takeModuleKeys } = await import(${JSON.stringify(file)});
      await takeModuleKeys({ ...${JSON.stringify(parts(runDir, modules))}, hide: () => {} });
      console.log('ready');
      setInterval(() => {}, 1000);`;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(worker.stdout, 'data');
    expect(agentsIn(runDir).length).toBeGreaterThanOrEqual(modules.length);
    worker.kill('SIGKILL');
    for (let waits = 0; agentsIn(runDir).length > 0 && waits < 400; waits += 1) await sleep(25);
    expect(agentsIn(runDir)).toEqual([]);
  });

  test('are not found by what is applied', async () => {
    const command = 'env; ls -A \\"$(dirname $HOME)\\"; cat /proc/*/cmdline | tr \\"\\\\\\\\000\\" \\" \\"';
    const files = {
      'main.tf': `${stackOf(source(dns))['main.tf']}resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "${command}"
  }
}
`,
    };
    const { runDir, plan, apply, control } = await initiated(files);
    await plan(planFile(runDir));
    await apply(planFile(runDir));
    const seen = stripVTControlCharacters(control.lines.join('\n'));
    expect(seen).toContain(`HOME=${runDir}/h`);
    expect(seen).toMatch(/\(local-exec\): h$/m);
    expect(seen).not.toMatch(/SSH_AUTH_SOCK|GIT_SSH|\(local-exec\): m$/m);
    expect(seen).not.toContain(`ssh-agent -D -a ${runDir}`);
  });

  test.each([
    ['garbage', 'garbage\n'],
    ['nothing', ''],
  ])('are refused where one is %s, and leave nothing', async (_what, text) => {
    const file = join(temporaryDirectory('key'), 'key');
    writeFileSync(file, text);
    const runDir = runDirectory();
    const problem = await problemFrom(() => takeModuleKeys(parts(runDir, [...modules, listed(dns, file)])));
    expect(problem).toMatchObject({ code: 'E_DEPLOY_KEY' });
    expect(problem.message).toContain(sshd.url(dns.dir));
    expect(readdirSync(runDir)).toEqual(['h']);
    expect(agentsIn(runDir)).toEqual([]);
  });

  test('are refused where one needs a passphrase', async () => {
    const file = join(temporaryDirectory('key'), 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', file], { env: cleanEnvironment() });
    const take = () => takeModuleKeys(parts(runDirectory(), [listed(dns, file)]));
    expect(await problemFrom(take)).toMatchObject({ code: 'E_DEPLOY_KEY' });
  });

  test('that are secrets of AWS need a session that reads them, as the deploy key does', async () => {
    const secret = { ...listed(dns), deployKey: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf' };
    expect(await problemFrom(() => takeModuleKeys(parts(runDirectory(), [secret])))).toMatchObject({
      code: 'E_DEPLOY_KEY',
      message: 'the deploy key is a secret of AWS, and this worker has no session that reads it',
    });
  });

  test('do not open a repository that is not listed, whatever its name begins with', async () => {
    const before = logins();
    expect(await refusal(stackOf(source(unlisted)))).toMatchObject({
      code: 'E_INIT',
      message: 'a module comes from where the policy lets nobody fetch',
    });
    expect(logins()).toBe(before);
  });

  test('do not open a repository for which another has the key', async () => {
    const swapped = [listed(network, sshd.keyOf(dns.dir)), listed(dns, sshd.keyOf(network.dir))];
    expect(await refusal(stackOf(source(dns)), swapped)).toMatchObject({ code: 'E_REPO_UNREACHABLE' });
  });

  test('are refused by the server where they are not known', async () => {
    const impostor = await startSshd();
    await impostor.stop();
    expect(await refusal(stackOf(source(dns)), [listed(dns, impostor.deployKeyFile)])).toMatchObject({
      code: 'E_DEPLOY_KEY',
    });
  });

  test('are not shown to a server with another host key', async () => {
    const other = readFileSync(`${sshd.deployKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    const wrong = { ...listed(dns), knownHosts: `[127.0.0.1]:${sshd.port} ${other}` };
    expect(await refusal(stackOf(source(dns)), [wrong])).toMatchObject({ code: 'E_HOST_KEY' });
  });

  test('let a source bring no key of its own', async () => {
    const own = readFileSync(sshd.deployKeyFile).toString('base64url');
    const before = logins();
    expect(await refusal(stackOf(source(unlisted, `?sshkey=${own}`)))).toMatchObject({ code: 'E_INIT' });
    expect(logins()).toBe(before);
    expect(await refusal(stackOf(source(dns, `?sshkey=${own}`)))).toMatchObject({ code: 'E_INIT' });
  });

  test.each([
    ['a file url', (dir: string) => `git::file://${dir}`],
    ['a path', (dir: string) => `git::${dir}`],
    ['another transport', () => 'git::ext::sh -c touch% /tmp/x'],
    ['https', () => 'git::https://127.0.0.1:9/x.git'],
  ])('do not come with other ways out: %s', async (_what, url) => {
    expect(await refusal(stackOf(url(dns.dir)))).toMatchObject({ code: 'E_INIT' });
  });

  test('take no submodule of a module along, neither a listed repository nor any other', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const web = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.git`;
    const entry = (name: string, url: string) =>
      `[submodule "${name}"]\n\tpath = ${name}\n\turl = ${url}\n\tactive = true\n`;
    const submodule = dns.id('main');
    const outer = repository('outer.git', {
      ...words('outer'),
      '.gitmodules': ['listed', 'relative', 'web', 'file']
        .map((name, at) => entry(name, [sshd.url(dns.dir), '../dns.git', web, `file://${dns.dir}`][at] ?? ''))
        .join(''),
      ...Object.fromEntries(['listed', 'relative', 'web', 'file'].map(name => [name, { submodule }])),
    });
    const { runDir } = await initiated(stackOf(source(outer)), [...modules, listed(outer)]);
    server.close();
    const fetched = join(runDir, 'd/modules/m0');
    expect(existsSync(join(fetched, 'main.tf'))).toBe(true);
    for (const name of ['listed', 'relative', 'web', 'file'])
      expect(existsSync(join(fetched, name, 'main.tf'))).toBe(false);
    expect(asked).toBe(0);
  });

  test('bring links and filters of a module as text, and run nothing of it', async () => {
    const odd = repository('odd.git', {
      ...words('odd'),
      link: { link: '/etc/passwd' },
      '.gitattributes': '*.tf filter=evil\nlarge filter=lfs\n',
      '.gitconfig': '[filter "evil"]\n\tsmudge = touch /tmp/evil\n',
      large: 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
    });
    const { runDir } = await initiated(stackOf(source(odd)), [listed(odd)]);
    expect(readFileSync(join(runDir, 'd/modules/m0/link'), 'utf8')).toBe('/etc/passwd');
    expect(readFileSync(join(runDir, 'd/modules/m0/large'), 'utf8')).toContain('git-lfs');
  });
});
