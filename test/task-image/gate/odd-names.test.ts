import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { gateOf } from './gated.ts';

/** What the gate finds in a module of the stack that somebody has put something into. */
async function found(put: (directory: string) => void) {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'prod', 'vpc'), { recursive: true });
  mkdirSync(join(root, 'modules', 'm'), { recursive: true });
  writeFileSync(join(root, 'prod', 'vpc', 'main.tf'), 'module "m" { source = "../../modules/m" }\n');
  put(join(root, 'modules', 'm'));
  return (await gateOf(root).stack()).map(({ file, rule }) => `${file} ${rule}`);
}

const named = (directory: string, name: string): Buffer =>
  Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);

test('a file whose name is not UTF-8 is refused', async () => {
  const put = (directory: string) => writeFileSync(named(directory, '\xff.tf'), 'data "external" "x" {}');
  expect(await found(put)).toEqual(['modules/m/\ufffd.tf unparsable']);
});

test('so is one beside the file that its name looks like', async () => {
  const put = (directory: string) => {
    writeFileSync(named(directory, '\xff.tf'), 'data "external" "x" {}');
    writeFileSync(join(directory, '\ufffd.tf'), '');
  };
  expect(new Set(await found(put))).toEqual(new Set(['modules/m/\ufffd.tf unparsable']));
});

test('what bears the name of configuration and is no file is refused, and a directory is none', async () => {
  const put = (directory: string) => {
    symlinkSync('nowhere', join(directory, 'link.tf'));
    execFileSync('mkfifo', [join(directory, 'pipe.tf')]);
    mkdirSync(join(directory, 'directory.tf'));
  };
  expect(await found(put)).toEqual(['modules/m/link.tf unparsable', 'modules/m/pipe.tf unparsable']);
});

test('an odd name that no tool reads hurts nobody', async () => {
  expect(await found(directory => writeFileSync(named(directory, '\xff.txt'), ''))).toEqual([]);
});
