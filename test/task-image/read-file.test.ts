import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mostBytes, readIfThere, readRegular } from '../../task-image/read-file.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('only a regular file that is not too large is read', () => {
  const directory = temporaryDirectory('left');
  const at = (name: string) => join(directory, name);
  writeFileSync(at('file'), 'words');
  symlinkSync(at('file'), at('link'));
  mkdirSync(at('directory'));
  // Would hold a reader for ever.
  execFileSync('mkfifo', [at('pipe')]);
  // Takes no room on the disk, only in whoever reads it.
  writeFileSync(at('holes'), '');
  truncateSync(at('holes'), mostBytes + 1);
  expect(readIfThere(at('file'))).toBe('words');
  for (const name of ['link', 'directory', 'pipe', 'gone', 'holes']) expect(readRegular(at(name))).toBeUndefined();
  expect(readRegular('/dev/zero')).toBeUndefined();
});
