import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { workingDirectories } from '../../task-image/working-directories.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const manifest = '.terragrunt-module-manifest';

function stack(...files: readonly string[]): string {
  const cwd = temporaryDirectory('stack');
  for (const file of files) {
    mkdirSync(dirname(join(cwd, file)), { recursive: true });
    writeFileSync(join(cwd, file), '');
  }
  return cwd;
}

test('Terraform works in the stack itself where there is no cache of Terragrunt', () => {
  const cwd = stack('main.tf', `other/${manifest}`);
  expect(workingDirectories(cwd)).toEqual([cwd]);
});

test('Terraform works in what Terragrunt has copied the stack to, not in all that it has copied', () => {
  const cwd = stack(`.terragrunt-cache/a/b/modules/m/${manifest}`, '.terragrunt-cache/a/b/modules/n/main.tf');
  expect(workingDirectories(cwd)).toEqual([cwd, join(cwd, '.terragrunt-cache/a/b/modules/m')]);
});

test('a link in a cache of Terragrunt is not followed', () => {
  const elsewhere = stack(manifest);
  const copy = `.terragrunt-cache/a/b/modules/m`;
  const cwd = stack(`${copy}/${manifest}`, '.terragrunt-cache/c/main.tf');
  symlinkSync('modules', join(cwd, '.terragrunt-cache/a/b/link'));
  symlinkSync('nowhere', join(cwd, '.terragrunt-cache/a/b/dangling'));
  symlinkSync(join(elsewhere, manifest), join(cwd, '.terragrunt-cache/c', manifest));
  expect(workingDirectories(cwd)).toEqual([cwd, join(cwd, copy)]);
});

test('a link out of a cache of Terragrunt fails: Terraform might work behind it', () => {
  const cwd = stack(`.terragrunt-cache/a/${manifest}`, 'other/main.tf');
  symlinkSync(join(cwd, 'other'), join(cwd, '.terragrunt-cache/b'));
  expect(() => workingDirectories(cwd)).toThrow("a link leads out of Terragrunt's cache");
});
