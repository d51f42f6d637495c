import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type DataDirectory, dataDirectory } from '../../../invoker/embedded/data-directory.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const opened: DataDirectory[] = [];
const open = (directory: string): DataDirectory => {
  const made = dataDirectory(directory);
  opened.push(made);
  return made;
};
const close = (): void => {
  for (const { database } of opened.splice(0)) database.close();
};
afterEach(close);
const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);

describe('the data directory', () => {
  test('is for its owner alone, with all that is in it', () => {
    const directory = join(temporaryDirectory(), 'a', 'b');
    const { plans, work, state, announce } = open(directory);
    announce('http://127.0.0.1:1');
    for (const place of [directory, plans, work, state]) expect([place, mode(place)]).toEqual([place, '700']);
    for (const file of ['server.json', 'root.key', 'ledger.sqlite'])
      expect([file, mode(join(directory, file))]).toEqual([file, '600']);
  });

  test.each(['/usr/local/x', '/bin/x'])('is not made among the programs of the machine: %s', directory => {
    expect(() => open(directory)).toThrow(/^\/(usr|bin)\S* is among the machine's programs, .*; fix: /);
    expect(existsSync(directory)).toBe(false);
  });

  test('is closed to others where it was open', () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    open(directory);
    expect(mode(directory)).toBe('700');
  });

  test('keeps its key and tokens, and remembers the port', () => {
    const directory = temporaryDirectory();
    const first = open(directory);
    expect(first.formerPort).toBeUndefined();
    first.announce('http://127.0.0.1:4321');
    close();
    const second = open(directory);
    expect([second.tokens, second.rootKey, second.formerPort]).toEqual([first.tokens, first.rootKey, 4321]);
    expect(JSON.parse(readFileSync(join(directory, 'server.json'), 'utf8'))).toEqual({
      url: 'http://127.0.0.1:4321',
      tokens: first.tokens,
    });
  });

  test('makes other keys and tokens elsewhere, no two the same', () => {
    const [a, b] = [open(temporaryDirectory()), open(temporaryDirectory())];
    expect(new Set([a.tokens.deploy, a.tokens.audit, b.tokens.deploy, b.tokens.audit]).size).toBe(4);
    expect(a.rootKey).not.toEqual(b.rootKey);
  });

  test('has a database that is on the disk before it answers', () => {
    const { database } = open(temporaryDirectory());
    const pragma = (name: string) => Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0];
    // 2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
    expect([pragma('journal_mode'), pragma('synchronous')]).toEqual(['wal', 2]);
  });

  test('serves one at a time', () => {
    const directory = temporaryDirectory();
    open(directory);
    expect(() => open(directory)).toThrow(`another server uses ${directory}; fix: stop it`);
    close();
    expect(() => open(directory)).not.toThrow();
  });

  test('is refused with a key of another length, which it does not replace', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'root.key'), 'short');
    expect(() => open(directory)).toThrow('does not hold a key of 32 bytes; fix: restore it');
    expect(readFileSync(join(directory, 'root.key'), 'utf8')).toBe('short');
  });

  test('is refused when a socket below it would have too long a path', () => {
    const directory = join(temporaryDirectory(), 'x'.repeat(72));
    expect(() => open(directory)).toThrow(/has \d+ bytes, 72 is the most; fix: choose a shorter one/);
  });

  test('is refused when ssh could not be told its path', () => {
    for (const name of ['a"b', 'a\\b', 'a${b}']) {
      const directory = join(temporaryDirectory(), name);
      expect(() => open(directory)).toThrow('which ssh cannot be told; fix: choose another one');
      expect(existsSync(directory)).toBe(false);
    }
  });

  test('is refused, and left as it is, when it holds other things', () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, 'thesis.txt'), '');
    expect(() => open(directory)).toThrow('holds other things; fix: choose an empty directory');
    expect(mode(directory)).toBe('755');
  });

  test('is refused when it belongs to somebody else', () => {
    // Only root can make such a directory, and for anybody else the top of the file system is one.
    const foreign = process.getuid?.() === 0 ? temporaryDirectory() : '/';
    if (foreign !== '/') chownSync(foreign, 12_345, 12_345);
    expect(() => open(foreign)).toThrow(`${foreign} belongs to another user; fix: choose a directory of your own`);
  });

  test('is refused where a file is in its place', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'a'));
    writeFileSync(join(directory, 'a', 'b'), '');
    expect(() => open(join(directory, 'a', 'b'))).toThrow();
  });
});
