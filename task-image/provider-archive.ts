/**
 * Packages of providers in one file that is safe to read: how long its index is, the index of names and sizes, then the
 * contents one after the other, all of it in gzip. It has no links, no modes, and no name that the lock file does not know.
 */
import { createHash } from 'node:crypto';
import { constants, createWriteStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { type Static, Type } from 'typebox';
import { bodyReader } from '../policies/body.ts';
import { exactReader } from './exact-reader.ts';
import { orFail } from './failure.ts';
import { type Content, type LockedPackages, packageHash } from './locked-packages.ts';

/** Unpacked, of all packages together: the largest providers have less than one. */
const mostBytes = 2 * 1024 ** 3;
const mostIndexBytes = 256 * 1024;
/** Programs are hundreds of megabytes: the usual sizes cost more turns than work. */
const chunkSize = 1024 * 1024;

const segment = '[A-Za-z0-9_][A-Za-z0-9 ._+-]*';
const EntrySchema = Type.Object(
  {
    package: Type.String({ maxLength: 512 }),
    name: Type.String({ maxLength: 512, pattern: `^${segment}(?:/${segment})*$` }),
    size: Type.Integer({ minimum: 0, maximum: mostBytes }),
  },
  { additionalProperties: false },
);
type Entry = Static<typeof EntrySchema>;
const readJson = bodyReader(Type.Array(EntrySchema), mostIndexBytes);

/** Throws where an archive with this index is not to be read, nor made. */
function readIndex(json: Buffer, locked: LockedPackages): readonly Entry[] {
  const index = orFail(readJson(json));
  if (index.some(entry => !locked.has(entry.package))) throw new Error('a package that is not locked');
  if (index.reduce((sum, { size }) => sum + size, 0) > mostBytes) throw new Error('more than is unpacked');
  return index;
}

/** Packs what is installed below `directory` into a new file; throws where it is not what the lock file knows by its content. */
export async function packProviders(
  directory: string,
  locked: LockedPackages,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const json = Buffer.from(JSON.stringify([...locked.keys()].flatMap(one => entriesOf(directory, one))));
  const index = readIndex(json, locked);
  const check = checker(locked);
  const parts = async function* () {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(json.length);
    yield length;
    yield json;
    for (const entry of index) {
      const handle = await open(join(directory, entry.package, entry.name), constants.O_RDONLY | constants.O_NOFOLLOW);
      const hash = createHash('sha256');
      for await (const chunk of handle.createReadStream({ highWaterMark: chunkSize })) {
        hash.update(chunk);
        yield chunk;
      }
      check.found(entry, hash.digest('hex'));
    }
  };
  await pipeline(parts, createGzip({ level: 1, chunkSize }), createWriteStream(file, { flags: 'wx', mode: 0o600 }), {
    signal,
  });
  check.all();
}

/** Unpacks into `directory`, which is new; throws where that is not, to the byte, what the lock file knows by its content. */
export async function unpackProviders(archive: Readable, locked: LockedPackages, directory: string): Promise<void> {
  const check = checker(locked);
  await pipeline(archive, createGunzip({ chunkSize }), async unzipped => {
    const { exactly, ended } = exactReader(unzipped);
    const length = (await buffer(exactly(4))).readUInt32BE();
    if (length > mostIndexBytes) throw new Error('an index that is too long');
    for (const entry of readIndex(await buffer(exactly(length)), locked)) {
      const file = join(directory, entry.package, entry.name);
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      // No name twice. Providers are programs, and hashes say nothing of modes.
      const handle = await open(file, 'wx', 0o700);
      const hash = createHash('sha256');
      try {
        for await (const chunk of exactly(entry.size)) {
          hash.update(chunk);
          await handle.writeFile(chunk);
        }
      } finally {
        await handle.close();
      }
      check.found(entry, hash.digest('hex'));
    }
    if (!(await ended())) throw new Error('more than its index says');
  });
  check.all();
}

function checker(locked: LockedPackages) {
  const contents = new Map<string, Content[]>([...locked.keys()].map(one => [one, []]));
  return {
    found: (entry: Entry, digest: string): void => {
      contents.get(entry.package)?.push({ name: entry.name, digest });
    },
    /** INVARIANT: every package, and each has a hash of its own in the lock file. */
    all: (): void => {
      for (const [one, hashes] of locked)
        if (!hashes.has(packageHash(contents.get(one) ?? []))) throw new Error(`\`${one}\` is not what is locked`);
    },
  };
}

function entriesOf(directory: string, one: string, below = ''): Entry[] {
  return readdirSync(join(directory, one, below), { withFileTypes: true }).flatMap(found => {
    const name = below === '' ? found.name : `${below}/${found.name}`;
    if (found.isDirectory()) return entriesOf(directory, one, name);
    if (!found.isFile()) throw new Error(`\`${one}\` has what is no file`);
    return [{ package: one, name, size: statSync(join(directory, one, name)).size }];
  });
}
