import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binaryFile, realBinary } from '../../task-image/binary.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { problemFrom } from './parts.ts';

const directory = temporaryDirectory('bin');
const install = (name: string, mode = 0o755, where = directory) =>
  writeFileSync(join(where, name), '#!/bin/sh\n', { mode });

describe('looking for a tool', () => {
  install('tofu');
  install('terragrunt', 0o644);
  mkdirSync(join(directory, 'terraform'));

  test('finds it by its absolute path, in the order of the PATH', () => {
    const later = temporaryDirectory('bin');
    install('tofu', 0o755, later);
    expect(binaryFile('tofu', `/no/such/directory:${directory}:${later}`)).toBe(join(directory, 'tofu'));
  });

  test.each([
    ['a file that may not be executed', 'terragrunt', directory],
    ['a directory', 'terraform', directory],
    ['a tool beside the worker: a PATH may name the working directory', 'tofu', '.::bin'],
    ['anything on an empty PATH', 'tofu', ''],
  ])('does not take %s', async (_what, binary, path) => {
    const problem = await problemFrom(() => binaryFile(binary, path));
    expect(problem).toMatchObject({ code: 'E_BINARY_MISSING' });
    expect(problem.fix).toContain(`install ${binary}`);
  });
});

describe('of several versions', () => {
  const several = temporaryDirectory('bin');
  for (const name of ['terraform-1.11.4', 'terraform-1.9.8', 'tofu-1.10.6', 'terragrunt-0.58.15', 'terraform-x'])
    install(name, 0o755, several);
  for (const [name, version] of [
    ['terraform', '1.11.4'],
    ['tofu', '1.10.6'],
    ['terragrunt', '0.58.15'],
  ])
    symlinkSync(`${name}-${version}`, join(several, `${name}`));
  const at = (name: string) => join(several, name);

  test('the one that the policy names is taken, else the one that has the plain name', () => {
    expect(realBinary({ binary: 'terraform', version: '1.9.8' }, several)).toEqual({ file: at('terraform-1.9.8') });
    expect(realBinary({ binary: 'terraform' }, several)).toEqual({ file: at('terraform-1.11.4') });
    expect(realBinary({ binary: 'tofu' }, several)).toEqual({ file: at('tofu-1.10.6') });
  });

  test('Terragrunt gets the Terraform of that version', () => {
    expect(realBinary({ binary: 'terragrunt', version: '1.9.8' }, several)).toEqual({
      file: at('terragrunt-0.58.15'),
      wrapped: at('terraform-1.9.8'),
    });
  });

  test.each(['terraform', 'terragrunt'] as const)(
    'one that is not there is refused, and %s ones that are are named',
    async binary => {
      const problem = await problemFrom(() => realBinary({ binary, version: '1.9.9' }, several));
      expect(problem).toMatchObject({
        code: 'E_BINARY_VERSION',
        message: 'the policy wants terraform 1.9.9, this worker has 1.11.4, 1.9.8',
        fix: expect.stringContaining('install 1.9.9'),
      });
    },
  );

  test('a version that nobody has told by a name is told by the tool itself', () => {
    const plain = temporaryDirectory('bin');
    install('terraform', 0o755, plain);
    expect(realBinary({ binary: 'terraform', version: '1.9.9' }, plain)).toEqual({ file: join(plain, 'terraform') });
  });
});
