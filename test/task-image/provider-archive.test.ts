/** An archive is written by whoever was there first: every archive that is not what the lock file says is refused whole. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type LockedPackages, packageHash } from '../../task-image/locked-packages.ts';
import { packProviders, unpackProviders } from '../../task-image/provider-archive.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const one = 'registry.terraform.io/hashicorp/null/1.0.0/linux_amd64';
const program = 'terraform-provider-null_v1.0.0';
const files = { [program]: 'a program', 'LICENSE.txt': 'a licence', 'more/x y': '' };

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const lockOf = (contents: Readonly<Record<string, string>> = files): LockedPackages => {
  const hash = packageHash(Object.entries(contents).map(([name, text]) => ({ name, digest: sha256(text) })));
  return new Map([[one, new Set(['h1:of another platform', hash])]]);
};

function installed(contents: Readonly<Record<string, string>> = files): string {
  const directory = temporaryDirectory('installed');
  for (const [name, text] of Object.entries(contents)) {
    const file = join(directory, one, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return directory;
}

const never = new AbortController().signal;
const packed = async (directory = installed(), locked = lockOf(), signal = never): Promise<string> => {
  const file = join(temporaryDirectory('archive'), 'providers');
  await packProviders(directory, locked, file, signal);
  return file;
};
async function unpacked(archive: Uint8Array, locked = lockOf()): Promise<string> {
  const directory = join(temporaryDirectory('mirror'), 'm');
  await unpackProviders(Readable.from([archive]), locked, directory);
  return directory;
}

describe('packages that are installed', () => {
  test('come out of an archive as they went in', async () => {
    const mirror = await unpacked(readFileSync(await packed()));
    const found = readdirSync(join(mirror, one), { recursive: true }).toSorted();
    expect(found).toEqual(['LICENSE.txt', 'more', 'more/x y', program]);
    for (const [name, text] of Object.entries(files)) expect(readFileSync(join(mirror, one, name), 'utf8')).toBe(text);
  });

  test.each<[string, () => string]>([
    ['that are not what is locked', () => installed({ ...files, [program]: 'another program' })],
    ['with a file too many', () => installed({ ...files, more2: '' })],
    ['of which one is missing', () => temporaryDirectory('installed')],
    ['with a name that is none', () => installed({ ...files, '.hidden': '' })],
  ])('are not packed %s', async (_, directory) => {
    await expect(packed(directory())).rejects.toThrow();
  });

  test('are not packed through a link', async () => {
    const directory = temporaryDirectory('installed');
    mkdirSync(dirname(join(directory, one)), { recursive: true });
    symlinkSync(join(installed(), one, program), join(directory, one.replace('linux_amd64', 'x')));
    mkdirSync(join(directory, one));
    symlinkSync('/etc/passwd', join(directory, one, program));
    await expect(packed(directory)).rejects.toThrow('has what is no file');
  });

  test('are not packed by a run that must stop', async () => {
    await expect(packed(installed(), lockOf(), AbortSignal.abort())).rejects.toThrow();
  });
});

type Entry = { package?: string; name?: string; size?: unknown };
/** An archive as somebody else might write it. */
function forged(index: unknown, contents = Object.values(files).join('')): Buffer {
  const json = Buffer.from(typeof index === 'string' ? index : JSON.stringify(index));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return gzipSync(Buffer.concat([length, json, Buffer.from(contents)]));
}
const entries = Object.entries(files).map(([name, text]) => ({ package: one, name, size: text.length }));
const withFirst = (entry: Entry) => [{ ...entries[0], ...entry }, ...entries.slice(1)];
const zeros = Buffer.alloc(64 * 1024 * 1024);

describe('an archive', () => {
  test('is taken when it is as it should be', async () => {
    expect(existsSync(join(await unpacked(forged(entries)), one, program))).toBe(true);
  });

  test.each<[string, () => Buffer]>([
    ['is empty', () => Buffer.alloc(0)],
    ['is not packed', () => Buffer.from('a program')],
    ['ends before its index', () => gzipSync(Buffer.from([0, 0, 0, 9, 1]))],
    ['ends before its last file', () => forged(entries, 'a program')],
    ['is cut', () => forged(entries).subarray(0, -9)],
    ['has more than its index says', () => forged(entries, `${Object.values(files).join('')}!`)],
    ['has an index that is none', () => forged('{}')],
    ['has an index with a key twice', () => forged('[{"size":1,"size":2}]')],
    ['has an index without an end', () => gzipSync(Buffer.concat([Buffer.from([255, 255, 255, 255]), zeros]))],
    ['has another program', () => forged(entries, 'b program')],
    ['has no program', () => forged(entries.slice(1), 'a licence')],
    ['has a file too many', () => forged([...entries, { package: one, name: 'x', size: 0 }])],
    ['has a file twice', () => forged([...entries, entries[2]])],
    ['has a package that is not locked', () => forged(withFirst({ package: one.replace('null', 'evil') }))],
    ['leads out by its package', () => forged(withFirst({ package: '../../../../..' }))],
    ['leads out by a name', () => forged(withFirst({ name: '../x' }))],
    ['leads out deep in a name', () => forged(withFirst({ name: 'more/../../x' }))],
    ['has an absolute name', () => forged(withFirst({ name: '/tmp/x' }))],
    ['has a name with a zero', () => forged(withFirst({ name: 'x\0y' }))],
    ['has a file below a file', () => forged(withFirst({ name: 'LICENSE.txt/x' }))],
    ['has a negative size', () => forged(withFirst({ size: -1 }))],
    ['has a size in words', () => forged(withFirst({ size: '9' }))],
    ['has a file that is too large', () => forged(withFirst({ size: 2 ** 31 + 1 }))],
    ['is too large in all', () => forged(entries.map(entry => ({ ...entry, size: 2 ** 30 })))],
    ['unpacks to far more than it says', () => forged(entries, `${zeros}`)],
    ['says something else besides', () => forged(withFirst({ mode: 0o4755 } as Entry))],
  ])('that %s is refused', async (_, archive) => {
    await expect(unpacked(archive())).rejects.toThrow();
  });

  test('writes nothing beside the mirror before it is refused', async () => {
    const around = temporaryDirectory('around');
    const archive = forged(withFirst({ name: '../../../../../../escaped' }));
    await expect(unpackProviders(Readable.from([archive]), lockOf(), join(around, 'm'))).rejects.toThrow();
    expect(readdirSync(around)).toEqual([]);
  });

  test('is refused where it was made for another lock file', async () => {
    await expect(unpacked(forged(entries), lockOf({ [program]: 'another' }))).rejects.toThrow('not what is locked');
  });
});
