/** `npm run image` with a docker that only writes down what it is asked: the real builder is tested with the image itself. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from './support/command.ts';
import { cleanEnvironment } from './support/environment.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

test('docker builds one manifest, not a list that Lambda would not take', { timeout: 120_000 }, async () => {
  const dir = temporaryDirectory('docker');
  const script = `#!/bin/sh\necho "$1 $BUILDX_NO_DEFAULT_ATTESTATIONS" >>"${dir}/asked"\n`;
  writeFileSync(join(dir, 'docker'), script, { mode: 0o755 });
  const env = cleanEnvironment({ PATH: `${dir}:${process.env.PATH}` });
  const cwd = join(import.meta.dirname, '..');
  const { status, stderr } = await run(process.execPath, ['image.config.ts', '--tag', 'worker:1'], { cwd, env });
  expect(status, stderr).toBe(0);
  expect(readFileSync(join(dir, 'asked'), 'utf8').split('\n')).toEqual(['info ', 'build 1', 'images ', 'run ', '']);
});
