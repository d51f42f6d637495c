/** Real Terraform installs, by way of a store that takes an object once and gives it back. */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type StackSettings, usualSettings } from '../../policies/allowlist.ts';
import type { ProviderCache, ProviderCacheGrant } from '../../policies/contract/worker.ts';
import type { Isolation } from '../../task-image/isolation.ts';
import { planFile } from '../../task-image/places.ts';
import { withProviderCache } from '../../task-image/provider-cache.ts';
import { lockEntry, packagePath, platform, providerMirror } from '../support/providers.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type AwsStub, startAwsStub } from './aws-stub.ts';
import { problemFrom } from './parts.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';

/** Nobody can ever reach its registry. */
const name = 'registry.invalid/hashicorp/null';
const allow = ['registry.invalid/hashicorp/*'];
const main = `terraform {\n  required_providers {\n    null = { source = "${name}" }\n  }\n}\nresource "null_resource" "x" {}\n`;
const program = packagePath('registry.invalid', 'hashicorp/null', '1.0.0');
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

describe.skipIf(requires('terraform', 'providers'))('the provider cache', { timeout: 60_000 }, () => {
  let mirror: string;
  let lock: string;
  let store: AwsStub;
  let objects: Map<string, Buffer>;
  beforeAll(async () => {
    mirror = temporaryDirectory('mirror');
    mkdirSync(dirname(join(mirror, program)), { recursive: true });
    cpSync(
      join(providerMirror, packagePath('registry.terraform.io', 'hashicorp/null', '1.0.0')),
      join(mirror, program),
    );
    lock = lockEntry(name, '1.0.0', readFileSync(join(mirror, program)));
    store = await startAwsStub();
  });
  beforeEach(() => {
    objects = new Map();
    store.answer(({ method, path, body }) => {
      const object = objects.get(path);
      if (method === 'GET') return object === undefined ? { status: 403 } : { body: object };
      if (object !== undefined) return { status: 412 };
      objects.set(path, body);
      return {};
    });
  });

  interface Differences {
    /** The mirror stands for the registry, which is not there otherwise. */
    readonly hasRegistry?: boolean;
    readonly lockFile?: string;
    readonly settings?: Partial<StackSettings>;
    readonly grant?: () => Promise<ProviderCacheGrant>;
    readonly isolation?: Isolation;
    /** After the cache, before `init`. */
    readonly before?: (dataDir: string) => void;
  }
  function run({ hasRegistry = false, lockFile = lock, settings, isolation, grant, before }: Differences = {}) {
    const wanted = { ...usualSettings, providers: { allow }, ...settings };
    const { init, ...stack } = runningStack(
      { 'main.tf': main, ...(lockFile === '' ? {} : { '.terraform.lock.hcl': lockFile }) },
      {
        settings: hasRegistry ? { ...wanted, providers: { allow, mirror } } : wanted,
        ...(isolation ? { isolation } : {}),
      },
    );
    const { runDir, cwd } = stack;
    const dataDir = join(runDir, 'd');
    const asked: ProviderCache[] = [];
    const grantProviders = async (one: ProviderCache): Promise<ProviderCacheGrant> => {
      asked.push(one);
      const url = `${store.url}/${one.platform}/${one.lockDigest}`;
      return grant?.() ?? (one.upload === undefined ? { download: url } : { upload: url });
    };
    const install = async () => {
      before?.(dataDir);
      await init(fetchesNothing);
      if (hasRegistry) asFromRegistry(join(dataDir, 'providers', name, '1.0.0', platform));
    };
    const control = { ...stack.control, grantProviders };
    return {
      ...stack,
      asked,
      isTaken: () => existsSync(join(dataDir, 'cached-providers')),
      init: () => withProviderCache({ control, settings: wanted, cwd, dataDir, runDir }, install),
    };
  }
  /** What comes from a registry lies there itself, no link to it. */
  function asFromRegistry(link: string): void {
    const target = realpathSync(link);
    rmSync(link);
    cpSync(target, link, { recursive: true });
  }
  async function filled(): Promise<string> {
    await run({ hasRegistry: true }).init();
    const [key] = objects.keys();
    if (key === undefined) throw new Error('nothing was kept');
    return key;
  }

  test('has for the next run what one has installed: no registry is asked', async () => {
    await filled();
    const next = run();
    await next.init();
    expect(next.isTaken()).toBe(true);
    expect((await next.plan(planFile(next.runDir))).hasChanges).toBe(true);
    expect(next.control.lines.join('\n')).not.toContain('infra-deployer');
    // It has nothing to add.
    expect(next.asked).toHaveLength(1);
  });

  test.skipIf(requires('root'))('is for a tool of another user too', async () => {
    await filled();
    const next = run({ isolation: { kind: 'user', uid: 64_321, gid: 64_322 } });
    for (const directory of [next.runDir, next.cwd]) chmodSync(dirname(directory), 0o711);
    await next.init();
    expect(next.control.lines.join('\n')).toContain(`Installed ${name} v1.0.0`);
  });

  test('is asked by the digest of the lock file, and given an archive by its own', async () => {
    const first = run({ hasRegistry: true });
    await first.init();
    const [archive = Buffer.alloc(0)] = objects.values();
    const key = { lockDigest: sha256(lock), platform };
    expect(first.asked).toEqual([key, { ...key, upload: { digest: sha256(archive), size: archive.length } }]);
    expect(store.asked.findLast(({ method }) => method === 'PUT')?.headers).toMatchObject({
      'content-length': `${archive.length}`,
      'if-none-match': '*',
      'x-amz-checksum-sha256': Buffer.from(sha256(archive), 'hex').toString('base64'),
    });
    expect(readdirSync(first.runDir)).not.toContain('providers');
  });

  test('has nothing for another lock file', async () => {
    await filled();
    const other = run({ lockFile: `# another one\n${lock}` });
    expect(await problemFrom(other.init)).toMatchObject({ code: 'E_INIT' });
    expect(other.isTaken()).toBe(false);
  });

  test.each<[string, (archive: Buffer) => Buffer]>([
    ['something else', () => Buffer.from('a program')],
    ['half of an archive', archive => archive.subarray(0, archive.length / 2)],
  ])('that has %s is told of, and not used: providers come from where the policy says', async (_, poison) => {
    const key = await filled();
    const poisoned = poison(objects.get(key) ?? Buffer.alloc(0));
    objects.set(key, poisoned);
    const next = run({ hasRegistry: true });
    await next.init();
    expect(next.isTaken()).toBe(false);
    expect(next.control.lines.join('\n')).toContain('installs providers anew, since the cache has none that fit');
    // Nobody replaces what is there.
    expect(next.asked).toHaveLength(1);
    expect(objects.get(key)).toBe(poisoned);
    expect(await problemFrom(run().init)).toMatchObject({ code: 'E_INIT' });
  });

  test('is not Terraform’s only check', async () => {
    await filled();
    const before = (dataDir: string) => cpSync('/bin/true', join(dataDir, 'cached-providers', program));
    const next = run({ before });
    expect(await problemFrom(next.init)).toMatchObject({ code: 'E_INIT' });
    expect(next.control.lines.join(' ')).toContain('checksums');
  });

  test('installs nothing that the policy does not allow', async () => {
    await filled();
    const next = run({ settings: { providers: { allow: ['hashicorp/*'] } } });
    expect(await problemFrom(next.init)).toMatchObject({ code: 'E_INIT' });
  });

  const archivesAlone = `provider "${name}" {\n  version = "1.0.0"\n  hashes = [\n    "zh:${'0'.repeat(64)}",\n  ]\n}\n`;
  test.each<[string, Differences]>([
    ['the policy has a mirror', { settings: { providers: { allow, mirror: '/srv/providers' } } }],
    ['a plan may make the lock file', { settings: { lockFile: 'generated' } }],
    ['the lock file knows archives alone', { lockFile: archivesAlone }],
    ['there is no lock file', { lockFile: '' }],
  ])('is not asked where %s', async (_, differences) => {
    const next = run(differences);
    expect(await problemFrom(next.init)).toMatchObject({ code: expect.stringMatching(/^E_(INIT|LOCK_FILE)$/) });
    expect(next.asked).toEqual([]);
  });

  test.each<[string, Differences, () => void]>([
    ['nobody has installed', { grant: async () => ({}) }, () => {}],
    ['refuses', { grant: () => Promise.reject(new Error('no')) }, () => {}],
    ['fails', {}, () => store.answer(() => ({ status: 500 }))],
    ['leads elsewhere', {}, () => store.answer(() => ({ status: 302, headers: { location: '/elsewhere' } }))],
    ['takes nothing', {}, () => store.answer(({ method }) => ({ status: method === 'GET' ? 403 : 500 }))],
    ['is not there', { grant: async () => ({ download: 'http://127.0.0.1:1/' }) }, () => {}],
  ])('that %s fails no run', async (_, differences, prepare) => {
    prepare();
    const next = run({ hasRegistry: true, ...differences });
    await next.init();
    expect([next.isTaken(), objects.size]).toEqual([false, 0]);
  });
});
