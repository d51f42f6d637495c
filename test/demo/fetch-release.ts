/** Fetches a pinned Terraform release into a cache directory and never keeps one whose digest is not the expected one. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Release } from './releases.ts';
import { unzip } from './unzip.ts';

export interface FetchOptions {
  readonly release: Release;
  /** Where the archives are: `HOST/VERSION/terraform_VERSION_PLATFORM.zip`. */
  readonly host: string;
  readonly cacheDir: string;
  /** As Node names them, e.g. `linux` and `x64`. */
  readonly platform: string;
  readonly arch: string;
  readonly say: (line: string) => void;
}

const timeoutMs = 120_000;

/** The directory that holds `terraform`; fetched only when the cache does not have it. Rejects with one sentence. */
export async function fetchRelease(options: FetchOptions): Promise<string> {
  const { release, host, cacheDir, say } = options;
  const platform = platformName(options);
  const digest = release.digests[platform];
  if (digest === undefined) {
    throw new Error(`there is no pinned Terraform for ${platform}; install terraform or tofu and run the demo again`);
  }
  const dir = join(cacheDir, `terraform-${release.version}-${platform}-${digest.slice(0, 12)}`);
  if (existsSync(join(dir, 'terraform'))) {
    say(`no terraform or tofu on the PATH: using Terraform ${release.version} from ${dir}`);
    return dir;
  }
  const url = `${host}/${release.version}/terraform_${release.version}_${platform}.zip`;
  say(`no terraform or tofu on the PATH: fetching Terraform ${release.version} from ${url}`);
  const archive = await download(url);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== digest)
    throw new Error(`${url} has SHA-256 ${actual}, expected ${digest}: not used, nothing was kept`);
  keep(dir, unzip(archive, 'terraform'));
  say(`its SHA-256 is the expected one: kept in ${dir}`);
  return dir;
}

function platformName({ platform, arch }: FetchOptions): string {
  return `${platform}_${arch === 'x64' ? 'amd64' : arch}`;
}

async function download(url: string): Promise<Buffer> {
  const fix = 'install terraform or tofu, or name a mirror by INFRA_DEPLOYER_DEMO_MIRROR, and run the demo again';
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (cause) {
    throw new Error(`${url} cannot be fetched: ${reason(cause)}\n  fix: ${fix}`, { cause });
  }
}

/** `fetch failed` says nothing; what it was caused by does. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? `${error.message}: ${cause.message}` : error.message;
}

/** Under another name first: a demo that is interrupted here must not leave half a program for the next one. */
function keep(dir: string, program: Buffer): void {
  const unfinished = `${dir}.${randomUUID()}`;
  try {
    mkdirSync(unfinished, { recursive: true });
    writeFileSync(join(unfinished, 'terraform'), program, { mode: 0o755 });
    renameSync(unfinished, dir);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
