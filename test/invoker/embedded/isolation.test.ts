import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isolationOf } from '../../../invoker/embedded/isolation.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A worker program that answers this; and what was logged. */
async function asked(program: string) {
  const entry = join(temporaryDirectory('worker'), 'worker.mjs');
  writeFileSync(entry, program);
  const logged: string[] = [];
  const log = (level: string) => (details: unknown, words?: string) =>
    void logged.push(`${level}: ${words ?? details} ${JSON.stringify(words === undefined ? {} : details)}`);
  const logger = { info: log('info'), warn: log('warn'), error: log('error') };
  const kind = await isolationOf(entry, '/some/path', logger).catch(() => 'rejected');
  return { kind, logged };
}

/** What a server that is root says besides. */
const ofRoot = process.getuid?.() === 0 ? [expect.stringMatching(/^warn: this server runs as root.*; fix: /)] : [];

test('namespaces are told without a warning', async () => {
  const { kind, logged } = await asked(`console.log(JSON.stringify({ kind: 'namespace', bwrap: '/usr/bin/bwrap' }))`);
  expect(kind).toBe('namespace');
  expect(logged).toEqual([expect.stringMatching(/^info: /), ...ofRoot]);
});

test('their lack is a warning that says why, and what to do', async () => {
  const { kind, logged } = await asked(`console.log(JSON.stringify({ kind: 'none', why: 'no bwrap here' }))`);
  expect(kind).toBe('none');
  expect(logged).toEqual([
    expect.stringMatching(/^warn: Terraform is not isolated: .*; fix: .*no bwrap here/),
    ...ofRoot,
  ]);
});

test('the worker is asked with the PATH of the workers and nothing else', async () => {
  const program = `const { PATH, HOME } = process.env;
    console.log(JSON.stringify({ kind: 'none', why: [process.argv[2], PATH, typeof HOME].join(' ') }))`;
  expect((await asked(program)).logged[0]).toContain('isolation /some/path undefined');
});

test.each([
  ['nothing', ''],
  ['something else', `console.log('{"kind":"user"}')`],
  ['a failure', 'process.exit(1)'],
])('a worker that answers with %s starts no run', async (_what, program) => {
  const { kind, logged } = await asked(program);
  expect(kind).toBe('rejected');
  expect(logged).toEqual([expect.stringMatching(/^error: .*no run can start/)]);
});
