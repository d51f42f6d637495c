/** What a dependency lock file says of packages: which there are, and what they contain. */
import { createHash } from 'node:crypto';

/** The directory of each package below a mirror, with the `h1:` hashes that the lock file has of it; never without one. */
export type LockedPackages = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Of a lock file as Terraform writes it; undefined for any other, and where a package is known by its zip archive alone
 * (`zh:`): what was unpacked cannot be checked by that.
 */
export function lockedPackages(lockFile: string, platform: string): LockedPackages | undefined {
  const blocks = [...lockFile.matchAll(/^provider "([^"\n]+)" \{\n([^{}]*)^\}$/gm)];
  if (blocks.length === 0 || blocks.length !== lockFile.match(/^\s*provider\b/gm)?.length) return undefined;
  const packages = new Map<string, ReadonlySet<string>>();
  for (const [, name = '', body = ''] of blocks) {
    const [, version] = /^ {2}version += "([0-9][0-9A-Za-z.+-]*)"$/m.exec(body) ?? [];
    const hashes = new Set([...body.matchAll(/"(h1:[0-9A-Za-z+/=]+)"/g)].map(([, hash = '']) => hash));
    if (!isName(name) || version === undefined || hashes.size === 0) return undefined;
    packages.set(`${name}/${version}/${platform}`, hashes);
  }
  return packages;
}

/** No segment is `..` or hidden: they become directories. */
const isName = (name: string): boolean => /^(?:[a-z0-9][a-z0-9._:-]*\/){2}[a-z0-9][a-z0-9._-]*$/.test(name);

export interface Content {
  /** From the directory of the package. */
  readonly name: string;
  /** SHA-256, hex. */
  readonly digest: string;
}

/** Terraform's `h1:`, which says nothing of modes: https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash#Hash1 */
export function packageHash(contents: readonly Content[]): string {
  const hash = createHash('sha256');
  for (const { name, digest } of contents.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(`${digest}  ${name}\n`);
  return `h1:${hash.digest('base64')}`;
}
