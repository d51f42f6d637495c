/** The providers that tests install, as `build-providers.sh` puts them into the user's cache. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'infra-deployer');

/** For a policy's `providers.mirror`: these providers of hashicorp, for Terraform and OpenTofu. */
export const providerMirror = join(cache, 'providers');
/** The stand-in for the AWS provider, of `test/terraform/provider/`. */
export const awsProviderMirror = join(cache, 'aws-provider');
export type ProviderName = 'external' | 'local' | 'null' | 'random';

const version = '1.0.0';
const registry = 'registry.terraform.io';
export const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** Why tests that need providers cannot run, or undefined when they can. */
export const providersMissing = (): string | undefined =>
  existsSync(providerFile('random'))
    ? undefined
    : 'no providers to install (test/support/build-providers.sh builds them)';

/** The same for tests of the Terraform module. */
export const awsProviderMissing = (): string | undefined =>
  existsSync(join(awsProviderMirror, packagePath(registry, 'hashicorp/aws', '6.66.0')))
    ? undefined
    : 'no stand-in for the AWS provider (test/support/build-providers.sh builds it)';

const providerFile = (name: ProviderName): string =>
  join(providerMirror, packagePath(registry, `hashicorp/${name}`, version));

/** Where a provider's program lies in a mirror, e.g. `registry.terraform.io/hashicorp/null/1.0.0/linux_amd64/terraform-provider-null_v1.0.0`. */
export const packagePath = (host: string, source: string, version: string): string =>
  `${host}/${source}/${version}/${platform}/terraform-provider-${source.split('/')[1]}_v${version}`;

/** What `terraform providers lock` would write for these. */
export const lockFile = (...names: readonly ProviderName[]): string =>
  names.map(name => lockEntry(`${registry}/hashicorp/${name}`, version, readFileSync(providerFile(name)))).join('\n');

/** One block of a lock file, for a package that is this one program. */
export function lockEntry(address: string, version: string, program: Buffer | string): string {
  const sha256 = (content: Buffer | string) => createHash('sha256').update(content);
  const name = `terraform-provider-${address.split('/').at(-1)}_v${version}`;
  const hash = sha256(`${sha256(program).digest('hex')}  ${name}\n`).digest('base64');
  return `provider "${address}" {\n  version = "${version}"\n  hashes  = ["h1:${hash}"]\n}\n`;
}
