import { chmodSync, existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readingCache } from '../../../task-image/hcl/cache.ts';
import { type HclReader, hclReader } from '../../../task-image/hcl/reader.ts';
import { leftProcesses } from '../../end-to-end/leftovers.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const open: HclReader[] = [];
const reader = (parts: Parameters<typeof hclReader>[0] = {}): HclReader => {
  const made = hclReader({ deadlineMs: 120_000, ...parts });
  open.push(made);
  return made;
};
afterAll(() => {
  for (const one of open) one.close();
});

const file = (text: string, name = 'main.tf') => ({ name, bytes: Buffer.from(text) });
const hcl = 'a "b" {\n  c = "${d}"\n}\n';

describe('a reader', { timeout: 60_000 }, () => {
  test('tells what is in a file and where its blocks start, the same for HCL and JSON', async () => {
    const json = '{\n  "a": {\n    "b": [\n      {"c": "${d}"}\n    ]\n  }\n}';
    const [one, other] = await reader().read([file(`\n${hcl}`), file(json, 'x.tf.json')]);
    expect(one).toEqual({
      document: { body: { a: { b: [{ c: '${d}' }] } }, places: [{ path: ['a', 'b'], line: 2 }] },
    });
    expect(other).toEqual({
      document: {
        body: { a: { b: [{ c: '${d}' }] } },
        places: [
          { path: ['a'], line: 2 },
          { path: ['a', 'b'], line: 4 },
        ],
      },
    });
  });

  test('reads texts with every kind of line end', async () => {
    const text = 'a\u2028b\u2029c\u0085d';
    const [one] = await reader().read([file(`x = "\\r\\n${text}"\n`)]);
    expect(one).toMatchObject({ document: { body: { x: `\r\n${text}` } } });
  });

  test('passes over one byte order mark in HCL, as Terraform does', async () => {
    const readings = await reader().read([file(`\ufeff${hcl}`), file(hcl), file(`\ufeff\ufeff${hcl}`)]);
    expect(readings[0]).toEqual(readings[1]);
    expect(readings[2]).toMatchObject({ problem: expect.any(String) });
  });

  test('says what is wrong with a file, and in which line, and reads the others', async () => {
    const readings = await reader().read([file('\n\na = = 1'), file(hcl), file('\n\nx {')]);
    expect(readings).toMatchObject([{ problem: expect.any(String), line: 3 }, { document: {} }, { line: 3 }]);
  });

  test('refuses a file that the parser does not survive, and what comes after it', async () => {
    const deep = file(`x = ${'!'.repeat(800_000)}true\n`);
    const [first, second] = await reader().read([deep, file(hcl)]);
    const gone = { problem: 'the parser did not come to an end with it', line: 1 };
    expect([first, second]).toEqual([gone, gone]);
  });

  test('refuses what is not read in time, and leaves no process', async () => {
    const one = reader({ deadlineMs: 1, runId: 'r_not_in_time' });
    expect(await one.read([file(hcl)])).toEqual([{ problem: 'the parser did not come to an end with it', line: 1 }]);
    for (let waits = 0; leftProcesses('r_not_in_time').length > 0 && waits < 200; waits += 1)
      await new Promise(resolve => setTimeout(resolve, 50));
    expect(leftProcesses('r_not_in_time')).toEqual([]);
  });

  test('refuses more than it takes, of one file and of all', async () => {
    const large = file(`# ${'x'.repeat(1024 * 1024)}\n`);
    expect(await reader().read([large])).toEqual([{ problem: 'it is larger than 1048576 bytes', line: 1 }]);
    const many = Array.from({ length: 17 }, () => file(`{${'x'.repeat(1024 * 1024 - 1)}`, 'x.tf.json'));
    const readings = await reader().read(many);
    expect(readings[0]).toMatchObject({ problem: 'it is not one JSON value' });
    expect(readings.at(-1)).toEqual({ problem: 'the configuration is larger than 16777216 bytes', line: 1 });
  });

  test('starts nothing for what it has read before', async () => {
    const cacheDir = join(temporaryDirectory(), 'hcl');
    const first = await reader({ cacheDir }).read([file(hcl)]);
    expect(readdirSync(cacheDir)).toHaveLength(1);
    // With a deadline like this no process would live to answer.
    expect(await reader({ cacheDir, deadlineMs: 1 }).read([file(hcl)])).toEqual(first);
    expect(await reader({ cacheDir, deadlineMs: 1 }).read([file(hcl, 'x.tf.json')])).toMatchObject([{ line: 1 }]);
  });

  test('remembers nothing that it refused', async () => {
    const cacheDir = temporaryDirectory();
    await reader({ cacheDir }).read([file('a = ')]);
    expect(readdirSync(cacheDir)).toEqual([]);
  });

  test('reads again where the cache holds anything else', async () => {
    const cacheDir = temporaryDirectory();
    const one = reader({ cacheDir });
    const [first] = await one.read([file(hcl)]);
    const [entry = ''] = readdirSync(cacheDir);
    const damages = [
      '',
      'x',
      '{}',
      '{"document": 1}',
      '{"document": {"body": {}, "places": [1]}}',
      '{"document": {"body": []}}',
    ];
    for (const damaged of damages) {
      writeFileSync(join(cacheDir, entry), damaged);
      expect(await one.read([file(hcl)])).toEqual([first]);
      expect(JSON.parse(readFileSync(join(cacheDir, entry), 'utf8'))).toEqual(first);
    }
  });

  test('works without a cache that cannot be written', async () => {
    const cacheDir = join(temporaryDirectory(), 'file');
    writeFileSync(cacheDir, '');
    chmodSync(cacheDir, 0o400);
    expect(await reader({ cacheDir }).read([file(hcl)])).toMatchObject([{ document: {} }]);
  });
});

test('the cache drops its oldest entries when there are too many', () => {
  const directory = temporaryDirectory();
  const cache = readingCache(directory, 10);
  for (let at = 0; at < 11; at += 1) {
    cache.put(`entry${at}`, { document: { body: {}, places: [] } });
    utimesSync(join(directory, `entry${at}`), at, at);
  }
  cache.trim();
  expect(readdirSync(directory)).toHaveLength(8);
  expect(existsSync(join(directory, 'entry10'))).toBe(true);
  expect(existsSync(join(directory, 'entry0'))).toBe(false);
});
