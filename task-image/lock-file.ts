/** The dependency lock file of a stack: committed, or made by a plan and carried to its apply inside the plan file. */
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StackSettings } from '../policies/allowlist.ts';
import { Failure } from './failure.ts';
import type { SavedPlan } from './plan-file.ts';
import { readIfThere } from './read-file.ts';

const lockFile = (stackDir: string): string => join(stackDir, '.terraform.lock.hcl');

/** For `init`: only a plan may make a lock file, only where policy lets it, and never in place of a committed one. */
export function lockArgument(
  stackDir: string,
  setting: StackSettings['lockFile'],
  command: 'plan' | 'apply',
): string[] {
  const mayMake = setting === 'generated' && command === 'plan' && !existsSync(lockFile(stackDir));
  return mayMake ? [] : ['-lockfile=readonly'];
}

/** Before the `init` of an apply: puts the plan's own lock file into the stack, which must then be the one of the receipt. */
export function placeLockFile(
  stackDir: string,
  setting: StackSettings['lockFile'],
  plan: Pick<SavedPlan, 'lock'>,
  receipt: { readonly lockDigest?: string },
): void {
  const file = lockFile(stackDir);
  if (setting === 'generated' && receipt.lockDigest !== undefined && !existsSync(file))
    writeFileSync(file, plan.lock ?? '', { flag: 'wx', mode: 0o600 });
  if (lockDigest(stackDir) === receipt.lockDigest) return;
  throw new Failure(
    'E_PLAN_STALE',
    'the dependency lock file is not the one that the plan was made with',
    'plan again, look at it, then apply',
  );
}

/** Undefined for a stack without one. */
export const readLockFile = (stackDir: string): string | undefined => readIfThere(lockFile(stackDir));

/** SHA-256, hex; undefined for a stack without a lock file. */
export function lockDigest(stackDir: string): string | undefined {
  const text = readLockFile(stackDir);
  return text === undefined ? undefined : createHash('sha256').update(text).digest('hex');
}
