/**
 * Providers that an earlier run has installed by the same lock file. What lies there is never believed: only what has the
 * hashes of the lock file is taken, Terraform checks it again, and installs nothing that the policy does not allow.
 */
import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { StackSettings } from '../policies/allowlist.ts';
import { largestProviderArchive, type ProviderCache } from '../policies/contract/worker.ts';
import { printable } from '../policies/printable.ts';
import { cliConfig } from './cli-config.ts';
import type { Control } from './control.ts';
import { cliConfigFile } from './environment.ts';
import { lockDigest, readLockFile } from './lock-file.ts';
import { type LockedPackages, lockedPackages } from './locked-packages.ts';
import { packProviders, unpackProviders } from './provider-archive.ts';
import { providerChoice } from './providers.ts';

export interface ProviderCacheParts {
  readonly control: Pick<Control, 'stop' | 'line' | 'grantProviders'>;
  readonly settings: StackSettings;
  /** Where the stack is in the clone. */
  readonly cwd: string;
  readonly dataDir: string;
  readonly runDir: string;
}

/** Of each, to take and to keep. */
const patienceMs = 60_000;
const platform = process.arch === 'arm64' ? 'linux_arm64' : 'linux_amd64';

/**
 * `init` with the providers of the cache where it has them. Otherwise it installs them from where the policy says, and they
 * are kept for the next run. A cache that fails costs time, and never the run.
 * INVARIANT: nothing of the repository has run before this is over, so that what is kept is what was installed.
 */
export async function withProviderCache(parts: ProviderCacheParts, init: () => Promise<void>): Promise<void> {
  const wanted = wantedBy(parts);
  const isMissing = wanted !== undefined && (await take(parts, wanted).catch(() => false));
  await init();
  if (isMissing) await keep(parts, wanted).catch(() => {});
}

interface Wanted {
  readonly key: ProviderCache;
  readonly locked: LockedPackages;
}

/** Undefined where the policy has providers come from a mirror, or no committed lock file says what they contain. */
function wantedBy({ settings, cwd }: ProviderCacheParts): Wanted | undefined {
  if (settings.lockFile !== 'required' || settings.providers.mirror !== undefined) return undefined;
  const [digest, text = ''] = [lockDigest(cwd), readLockFile(cwd)];
  const locked = lockedPackages(text, platform);
  return digest === undefined || locked === undefined ? undefined : { key: { lockDigest: digest, platform }, locked };
}

/** Answers whether the cache has nothing, so that something may be put there. */
async function take(parts: ProviderCacheParts, { key, locked }: Wanted): Promise<boolean> {
  const { control, settings, dataDir, runDir } = parts;
  const { download } = await control.grantProviders(key);
  if (download === undefined) return false;
  const response = await fetch(download, { redirect: 'manual', signal: patience(control) });
  // S3 says 403 of what is not there to those who may not list the bucket.
  if (response.status === 404 || response.status === 403) return true;
  if (!response.ok || response.body === null) return false;
  const mirror = join(dataDir, 'cached-providers');
  try {
    await unpackProviders(Readable.fromWeb(response.body as ReadableStream), locked, mirror);
    writeFileSync(cliConfigFile(runDir), cliConfig({ ...providerChoice(settings), mirror }));
  } catch (error) {
    rmSync(mirror, { recursive: true, force: true });
    const text = `infra-deployer installs providers anew, since the cache has none that fit: ${(error as Error).message}`;
    await control.line({ phase: 'init', text: printable(text) });
  }
  return false;
}

async function keep({ control, dataDir, runDir }: ProviderCacheParts, { key, locked }: Wanted): Promise<void> {
  const file = join(runDir, 'providers');
  const signal = patience(control);
  try {
    await packProviders(join(dataDir, 'providers'), locked, file, signal);
    const { size } = statSync(file);
    if (size > largestProviderArchive) return;
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash, { signal });
    const digest = hash.digest();
    const { upload } = await control.grantProviders({ ...key, upload: { digest: digest.toString('hex'), size } });
    if (upload === undefined) return;
    await fetch(upload, {
      method: 'PUT',
      headers: {
        'content-type': 'application/octet-stream',
        'if-none-match': '*',
        'x-amz-checksum-sha256': digest.toString('base64'),
      },
      body: await openAsBlob(file),
      redirect: 'manual',
      signal,
    });
  } finally {
    rmSync(file, { force: true });
  }
}

const patience = ({ stop }: Pick<Control, 'stop'>): AbortSignal =>
  AbortSignal.any([stop, AbortSignal.timeout(patienceMs)]);
