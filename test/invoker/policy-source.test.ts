import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { policyFile } from '../../invoker/policy-source.ts';
import { digestOf } from '../../invoker/secret.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openPolicy, otherPolicy, planOnlyPolicy } from './test-plane.ts';

const broken = openPolicy.replace('allow: [apply]', 'allow: []');

/** Far from every time that a file can have: nothing is waited for. */
const noTime = () => 0;

function open(text = openPolicy, now = noTime) {
  const file = join(temporaryDirectory('policy'), 'allowlist.yaml');
  writeFileSync(file, text);
  return follow(file, now);
}

function follow(file: string, now: () => number) {
  const changes: string[] = [];
  const breaks: (readonly string[])[] = [];
  const source = policyFile(
    file,
    { changed: ({ digest }) => changes.push(digest), broken: problems => breaks.push(problems) },
    now,
  );
  return {
    file,
    source,
    changes,
    breaks,
    names: async () => [...(await source.current()).policy.repositories.keys()],
    edit: (content: string) => {
      writeFileSync(`${file}.new`, content);
      renameSync(`${file}.new`, file);
    },
  };
}

describe('a policy file', () => {
  test('is in force from the start, with the digest of its bytes', async () => {
    const { source, changes, breaks, names } = open();
    expect(await names()).toEqual(['infra-live']);
    expect((await source.current()).digest).toBe(digestOf(openPolicy));
    expect([changes, breaks, source.problems()]).toEqual([[digestOf(openPolicy)], [], []]);
  });

  test('that is broken from the start is an error that says every place', async () => {
    const twice = broken.replace('allow: [plan]', 'alow: [plan]');
    expect(() => open(twice)).toThrow(/allowlist\.yaml:6: [^\n]+; fix: [^\n]+\n.*allowlist\.yaml:7: .*; fix: /s);
    expect(() => follow('/nowhere/allowlist.yaml', noTime)).toThrow('/nowhere/allowlist.yaml: cannot be read: ENOENT');
  });

  test('that is broken from the start is told by that error alone', async () => {
    const told: unknown[] = [];
    const listener = { changed: () => told.push('changed'), broken: () => told.push('broken') };
    expect(() => policyFile('/nowhere/allowlist.yaml', listener, noTime)).toThrow();
    expect(told).toEqual([]);
  });

  test('is read again when it changes, and only then', async () => {
    const { source, changes, names, edit } = open();
    expect(await source.current()).toBe(await source.current());
    edit(otherPolicy);
    expect(await names()).toEqual(['another']);
    edit(otherPolicy);
    expect(await names()).toEqual(['another']);
    expect(changes).toEqual([digestOf(openPolicy), digestOf(otherPolicy)]);
  });

  test('that is edited in place counts as changed, too', async () => {
    const { file, names } = open();
    writeFileSync(file, otherPolicy);
    utimesSync(file, 1, 1);
    expect(await names()).toEqual(['another']);
  });

  test.each<[string, (file: string) => void, RegExp]>([
    ['broken', file => writeFileSync(file, broken), /allowlist\.yaml:7: .*must not be empty/],
    ['empty', file => writeFileSync(file, ''), /allowlist\.yaml:1: /],
    ['half written', file => writeFileSync(file, openPolicy.slice(0, 90)), /allowlist\.yaml:\d+: /],
    ['gone', file => rmSync(file), /cannot be read: ENOENT/],
    [
      'a directory',
      file => {
        rmSync(file);
        mkdirSync(file);
      },
      /cannot be read: EISDIR/,
    ],
  ])('that is %s now keeps the last good one, says so once, and comes back', async (_, spoil, says) => {
    const { file, source, changes, breaks, names, edit } = open();
    spoil(file);
    for (let time = 0; time < 3; time++) {
      expect(await names()).toEqual(['infra-live']);
      expect(source.problems().join('\n')).toMatch(says);
    }
    expect([breaks.length, changes.length]).toEqual([1, 1]);
    rmSync(file, { recursive: true, force: true });
    edit(planOnlyPolicy);
    expect(source.problems()).toEqual([]);
    expect((await source.current()).digest).toBe(digestOf(planOnlyPolicy));
  });

  test('that is restored to what is in force is not told as a change', async () => {
    const { source, changes, breaks, edit } = open();
    edit(broken);
    expect(source.problems().length).toBe(1);
    edit(openPolicy);
    expect(source.problems()).toEqual([]);
    expect([changes.length, breaks.length]).toEqual([1, 1]);
  });
});

describe('a change of a policy file', () => {
  /** The clock stands `ageMs` after the last change of the file. */
  const held = (text = openPolicy) => {
    const file = join(temporaryDirectory('policy'), 'allowlist.yaml');
    writeFileSync(file, text);
    let ageMs = 0;
    const now = () => Math.floor((statSync(file, { throwIfNoEntry: false })?.ctimeMs ?? 0) + ageMs);
    return {
      ...follow(file, now),
      age: (ms: number) => {
        ageMs = ms;
      },
    };
  };

  test('is in force once it is a quarter of a second old, not while somebody may still be writing', async () => {
    const { source, changes, names, edit, age } = held();
    expect(await names()).toEqual(['infra-live']);
    edit(otherPolicy);
    for (const ms of [0, 100, 249]) {
      age(ms);
      expect(await names()).toEqual(['infra-live']);
    }
    age(250);
    expect(await names()).toEqual(['another']);
    age(0);
    expect((await source.current()).digest).toBe(digestOf(otherPolicy));
    expect(changes.length).toBe(2);
  });

  test('is told as broken as late, so that a file half written is neither obeyed nor complained of', async () => {
    const { file, source, breaks, names, age } = held();
    writeFileSync(file, openPolicy.slice(0, 90));
    age(249);
    expect([await names(), source.problems()]).toEqual([['infra-live'], []]);
    writeFileSync(file, otherPolicy);
    age(250);
    expect([await names(), source.problems(), breaks]).toEqual([['another'], [], []]);
    writeFileSync(file, broken);
    age(250);
    expect(source.problems()).toEqual([expect.stringContaining('allowlist.yaml:7: ')]);
    expect([await names(), breaks.length]).toEqual([['another'], 1]);
  });

  test.each([
    ['before', -1],
    ['long after', 1e9],
  ])('is in force at once where the clock is %s it', async (_, ms) => {
    const { names, edit, age } = held();
    edit(otherPolicy);
    age(ms);
    expect(await names()).toEqual(['another']);
  });

  test('that takes the file away is told at once', async () => {
    const { file, source, names } = held();
    rmSync(file);
    expect(source.problems()).toEqual([expect.stringContaining('cannot be read: ENOENT')]);
    expect(await names()).toEqual(['infra-live']);
  });
});
