import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProcesses } from '../../../invoker/embedded/run-processes.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { isolation } from '../../task-image/parts.ts';
import { startTool } from '../../task-image/running-tool.ts';

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

describe.skipIf(requires('sandbox'))('a process in a sandbox', () => {
  test('is found by its descent, whatever its environment', async () => {
    const run = `r_descent${process.pid}`;
    const script = `env -i sh -c 'echo ready; sleep 60 & wait'; true`;
    const env = { PATH: '/usr/bin:/bin', INFRA_DEPLOYER_RUN: run };
    const tool = startTool(script, { isolation, env, graceMs: () => 0 });
    await tool.printed('ready');
    // bubblewrap, the shells and the sleep.
    await expect.poll(() => runProcesses(run).length).toBeGreaterThanOrEqual(4);
    expect(runProcesses(run).filter(({ isWrapper }) => isWrapper).length).toBe(1);
    // As the launcher does it: with the first process of the namespace the others have ended.
    for (const { pid } of runProcesses(run))
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        expect(error).toMatchObject({ code: 'ESRCH' });
      }
    await tool.ended;
    expect(runProcesses(run)).toEqual([]);
  });

  test('is not what it says that it is', async () => {
    const [run, other] = [`r_liar${process.pid}`, `r_other${process.pid}`];
    const lie = `INFRA_DEPLOYER_RUN=${other} INFRA_DEPLOYER_TICKET=x sh -c 'echo ready; sleep 60 & wait'; true`;
    const env = { PATH: '/usr/bin:/bin', INFRA_DEPLOYER_RUN: run };
    const tool = startTool(lie, { isolation, env, graceMs: () => 0 });
    await tool.printed('ready');
    expect(runProcesses(other)).toEqual([]);
    expect(runProcesses(run).filter(({ isWorker }) => isWorker)).toEqual([]);
    tool.stop();
    await tool.ended;
  });
});
