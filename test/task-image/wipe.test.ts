import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { empty } from '../../task-image/wipe.ts';
import { mustRun } from '../support/command.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('what a run has left is removed, whatever it is called, however deep it lies, and closed to its owner', async () => {
  const directory = temporaryDirectory('own');
  const elsewhere = temporaryDirectory('elsewhere');
  writeFileSync(join(elsewhere, 'kept'), 'kept');
  symlinkSync(elsewhere, join(directory, 'link'));
  mkdirSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]));
  const deep = `for i in $(seq 30); do mkdir ${'d'.repeat(250)}; cd ${'d'.repeat(250)}; done; touch file`;
  await mustRun('sh', ['-c', deep], { cwd: directory });
  mkdirSync(join(directory, 'closed/inner'), { recursive: true });
  writeFileSync(join(directory, 'closed/inner/file'), '');
  for (const closed of ['closed/inner', 'closed']) chmodSync(join(directory, closed), 0);

  empty(directory);
  expect(readdirSync(directory)).toEqual([]);
  expect(readFileSync(join(elsewhere, 'kept'), 'utf8')).toBe('kept');
});
