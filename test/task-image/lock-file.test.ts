import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StackSettings } from '../../policies/allowlist.ts';
import { lockDigest, placeLockFile } from '../../task-image/lock-file.ts';
import { planFile } from '../../task-image/places.ts';
import { readPlan } from '../../task-image/plan-file.ts';
import { packagePath, providerMirror } from '../support/providers.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { problemFrom } from './parts.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';

const lockName = '.terraform.lock.hcl';

/** A mirror that has these versions of one provider. */
function mirror(...versions: readonly string[]): string {
  const directory = temporaryDirectory('mirror');
  for (const version of versions) {
    const file = join(directory, packagePath('registry.terraform.io', 'hashicorp/null', version));
    mkdirSync(dirname(file), { recursive: true });
    copyFileSync(join(providerMirror, packagePath('registry.terraform.io', 'hashicorp/null', '1.0.0')), file);
  }
  return directory;
}

const files = {
  'main.tf': `terraform {
  required_providers {
    null = {
      source = "hashicorp/null"
    }
  }
}
resource "null_resource" "x" {}
`,
};

describe.skipIf(requires('terraform', 'providers'))('the lock file of a stack with providers', () => {
  let old: string;
  /** As if a newer version had come out since. */
  let newer: string;
  beforeAll(() => {
    old = mirror('1.0.0');
    newer = mirror('1.0.0', '1.0.1');
  });

  const stack = (
    lockFile: StackSettings['lockFile'],
    { command = 'plan' as 'plan' | 'apply', from = old, more = {} } = {},
  ) =>
    runningStack(
      { ...files, ...more },
      { settings: { lockFile, providers: { allow: ['hashicorp/*'], mirror: from } }, command },
    );

  const planned = async () => {
    const { init, plan, cwd, runDir } = stack('generated');
    await init(fetchesNothing);
    const file = planFile(runDir);
    await plan(file);
    const digest = lockDigest(cwd);
    if (digest === undefined) throw new Error('the plan made no lock file');
    return { file, digest, text: readFileSync(join(cwd, lockName), 'utf8') };
  };

  test('must be committed where the policy says nothing else', async () => {
    const { init, cwd } = stack('required');
    const problem = await problemFrom(() => init(fetchesNothing));
    expect(problem).toMatchObject({ code: 'E_LOCK_FILE' });
    expect(problem.fix).toContain('terraform providers lock');
    expect(existsSync(join(cwd, lockName))).toBe(false);
  });

  test('may be made by a plan where the policy lets it', async () => {
    expect((await planned()).text).toContain('version = "1.0.0"');
  });

  test('is never made by an apply', async () => {
    const { init } = stack('generated', { command: 'apply' });
    expect(await problemFrom(() => init(fetchesNothing))).toMatchObject({ code: 'E_LOCK_FILE' });
  });

  test('is not changed where one is committed: it must cover the providers', async () => {
    const committed = { [lockName]: '# nothing is locked\n' };
    const { init, cwd } = stack('generated', { more: committed });
    expect(await problemFrom(() => init(fetchesNothing))).toMatchObject({ code: 'E_LOCK_FILE' });
    expect(readFileSync(join(cwd, lockName), 'utf8')).toBe(committed[lockName]);
  });

  test('travels in the plan to its apply, which installs what was planned with and nothing newer', async () => {
    const { file, digest, text } = await planned();
    const { init, apply, cwd, runDir } = stack('generated', { command: 'apply', from: newer });
    placeLockFile(cwd, 'generated', readPlan(readFileSync(file)), { lockDigest: digest });
    expect(readFileSync(join(cwd, lockName), 'utf8')).toBe(text);
    await init(fetchesNothing);
    expect(lockDigest(cwd)).toBe(digest);
    copyFileSync(file, planFile(runDir));
    await apply(planFile(runDir));
  });

  test('is not taken from a plan whose receipt has another', async () => {
    const { file } = await planned();
    const { cwd } = stack('generated', { command: 'apply' });
    const receipt = { lockDigest: '0'.repeat(64) };
    expect(
      await problemFrom(() => placeLockFile(cwd, 'generated', readPlan(readFileSync(file)), receipt)),
    ).toMatchObject({
      code: 'E_PLAN_STALE',
    });
  });

  test('is not taken from a plan where it must be committed by now', async () => {
    const { file, digest } = await planned();
    const { cwd } = stack('required', { command: 'apply' });
    const place = () => placeLockFile(cwd, 'required', readPlan(readFileSync(file)), { lockDigest: digest });
    expect(await problemFrom(place)).toMatchObject({ code: 'E_PLAN_STALE' });
    expect(existsSync(join(cwd, lockName))).toBe(false);
  });
});

describe.skipIf(requires('terraform'))('a stack without providers', () => {
  test('needs no lock file, neither to plan nor to apply', async () => {
    const { init, plan, cwd, runDir } = runningStack({ 'main.tf': 'resource "terraform_data" "x" {}\n' });
    await init(fetchesNothing);
    await plan(planFile(runDir));
    expect(lockDigest(cwd)).toBeUndefined();
    const later = temporaryDirectory('stack');
    placeLockFile(later, 'generated', readPlan(readFileSync(planFile(runDir))), {});
    expect(existsSync(join(later, lockName))).toBe(false);
  });
});
