import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProcesses } from '../../../invoker/embedded/run-processes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

// Elsewhere there is no /proc in which to find them.
test.skipIf(process.platform !== 'linux').each([
  ['terragrunt', {}, { isWorker: false, isWrapper: true }],
  ['terraform', {}, { isWorker: false, isWrapper: false }],
  ['node', { INFRA_DEPLOYER_TICKET: 'x' }, { isWorker: true, isWrapper: false }],
] as const)('a process of a run that is called %s is told for what it is', async (name, env, kind) => {
  const file = join(temporaryDirectory('bin'), name);
  writeFileSync(file, '#!/bin/sh\nwhile :; do sleep 0.1; done\n', { mode: 0o755 });
  const run = `r_${name}${process.pid}`;
  const child = spawn(file, [], { env: { PATH: '/usr/bin:/bin', INFRA_DEPLOYER_RUN: run, ...env }, stdio: 'ignore' });
  await expect
    .poll(() => runProcesses(run).find(({ pid }) => pid === child.pid), { timeout: 10_000 })
    .toEqual({ pid: child.pid, ...kind });
  child.kill('SIGKILL');
});
