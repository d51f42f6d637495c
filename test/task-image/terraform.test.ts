import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binaryFile } from '../../task-image/terraform.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { problemFrom } from './parts.ts';
import { runningStack } from './running-stack.ts';

describe('looking for a tool', () => {
  const directory = temporaryDirectory('bin');
  writeFileSync(join(directory, 'tofu'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(directory, 'terragrunt'), '#!/bin/sh\n', { mode: 0o644 });
  mkdirSync(join(directory, 'terraform'));

  test('finds it by its absolute path, in the order of the PATH', () => {
    const later = temporaryDirectory('bin');
    writeFileSync(join(later, 'tofu'), '#!/bin/sh\n', { mode: 0o755 });
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

describe.skipIf(requires('terraform'))('Terraform', () => {
  const tool = (text: string) => runningStack({ 'main.tf': text });
  const resource = 'resource "terraform_data" "x" {}\n';

  test('plans, applies that plan, and knows the serial before and after', async () => {
    const { runDir, init, plan, apply, serial, show } = tool(resource);
    const file = join(runDir, 'plan');
    await init({});
    expect(await serial()).toBeUndefined();
    expect(await plan(file)).toEqual({ hasChanges: true });
    expect(await show(file)).toMatchObject({ resource_changes: [{ address: 'terraform_data.x' }] });
    await apply(file);
    expect(await serial()).toBe(1);
    expect(await plan(file)).toEqual({ hasChanges: false });
    expect(await problemFrom(() => apply(join(runDir, 'no-such-plan')))).toMatchObject({ code: 'E_APPLY' });
  });

  test('that is refused its saved plan because the state has changed is told from one that failed', async () => {
    const { runDir, init, plan, apply } = tool(resource);
    const file = join(runDir, 'plan');
    await init({});
    await plan(file);
    await apply(file);
    expect(await problemFrom(() => apply(file))).toMatchObject({ code: 'E_PLAN_STALE' });
  });

  test('shows what it says as it says it, and keeps its colours', async () => {
    const { control, init } = tool(resource);
    await init({});
    expect(control.lines.join('\n')).toContain('\u001b[1m');
    expect(control.lines.join('\n')).toContain('successfully initialized');
  });
});
