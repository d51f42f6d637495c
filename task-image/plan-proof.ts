/**
 * Proves that a saved plan is of the configuration and for the backend that an apply has read itself: code that was planned
 * may have put another one in its place, and a plan runs what it holds, not what the commit has.
 */
import { join, normalize, resolve } from 'node:path';
import type { StackSettings } from '../policies/allowlist.ts';
import { canonicalJson } from '../policies/canonical-json.ts';
import { readBackendRecord } from './backend.ts';
import { diskBelow } from './gate/disk.ts';
import { configurationFiles } from './gate/read-directory.ts';
import { installedModules } from './installed-modules.ts';
import { damagedPlan, type SavedPlan } from './plan-file.ts';
import { readRegular } from './read-file.ts';
import { workingDirectories } from './working-directories.ts';

export interface Initialised {
  /** Where the stack is in the clone. */
  readonly cwd: string;
  readonly dataDir: string;
  readonly binary: StackSettings['binary'];
}

/** Call it after `init`, before anything of the plan runs. Throws a `Failure` (E_PLAN_DAMAGED). */
export function provePlan({ modules, backend }: SavedPlan, initialised: Initialised): void {
  const { type, config } = readBackendRecord(initialised.dataDir) ?? { type: 'local', config: {} };
  const wanted = canonicalJson({ type, config, workspace: 'default' });
  if (canonicalJson(backend) !== wanted) throw damagedPlan('is for another backend than this stack has');
  const readers = initialised.binary === 'terragrunt' ? (['terraform', 'tofu'] as const) : [initialised.binary];
  const directories = workingDirectories(initialised.cwd);
  const isProved = directories.some(cwd =>
    readers.some(reader => isOf(modules, { cwd, dataDir: initialised.dataDir }, reader)),
  );
  if (!isProved) throw damagedPlan('holds another configuration than its commit has');
}

type Reader = 'terraform' | 'tofu';

/**
 * Its modules at the same places, with the same files in them. What only tests call is installed and no part of a plan; a
 * plan that leaves out another one is refused by Terraform.
 */
function isOf(planned: SavedPlan['modules'], where: { cwd: string; dataDir: string }, reader: Reader): boolean {
  const { cwd, dataDir } = where;
  const own = new Map(installedModules(dataDir).map(({ Key, Dir }) => [Key, Dir]));
  return (
    planned.has('') &&
    [...planned].every(([key, { directory, files }]) => {
      const dir = own.get(key);
      if (dir === undefined || normalize(dir) !== normalize(directory)) return false;
      const place = resolve(cwd, dir);
      const names = configurationNames(place, reader);
      return (
        names.length === files.size &&
        names.every(name => readRegular(join(place, name))?.equals(files.get(name) ?? missing) ?? false)
      );
    })
  );
}

const missing = Buffer.from('\0');

/** OpenTofu takes `x.tofu` in the place of `x.tf`. */
function configurationNames(directory: string, reader: Reader): string[] {
  const names = new Set(configurationFiles(diskBelow(directory), '', reader));
  return [...names].filter(name => !(isTf.test(name) && names.has(name.replace(isTf, '.tofu$1'))));
}

const isTf = /\.tf(\.json)?$/;
