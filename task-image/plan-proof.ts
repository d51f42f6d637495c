/**
 * Proves that a saved plan is of the configuration and for the backend that an apply has read itself: code that was planned
 * may have put another one in its place, and a plan runs what it holds, not what the commit has.
 */
import { readdirSync } from 'node:fs';
import { join, normalize, resolve } from 'node:path';
import type { StackSettings } from '../policies/allowlist.ts';
import { canonicalJson } from '../policies/canonical-json.ts';
import { readBackendRecord } from './backend.ts';
import { Failure } from './failure.ts';
import { type PlannedModule, plannedWork } from './plan-file.ts';
import { readIfThere, readRegular } from './read-file.ts';
import { workingDirectories } from './working-directories.ts';

export interface Initialised {
  /** Where the stack is in the clone. */
  readonly cwd: string;
  readonly dataDir: string;
  readonly binary: StackSettings['binary'];
}

/** Call it after `init`, before anything of the plan runs. Throws a `Failure` (E_PLAN_DAMAGED). */
export function provePlan(planFile: Buffer, initialised: Initialised): void {
  const work = plannedWork(planFile);
  if (work === undefined) throw damaged('is not one that Terraform has written');
  const { type, config } = readBackendRecord(initialised.dataDir) ?? { type: 'local', config: {} };
  const wanted = canonicalJson({ type, config, workspace: 'default' });
  if (canonicalJson(work.backend) !== wanted) throw damaged('is for another backend than this stack has');
  const readers = initialised.binary === 'terragrunt' ? (['terraform', 'tofu'] as const) : [initialised.binary];
  const directories = workingDirectories(initialised.cwd);
  const isProved = directories.some(cwd =>
    readers.some(reader => isOf(work.modules, { cwd, dataDir: initialised.dataDir }, reader)),
  );
  if (!isProved) throw damaged('holds another configuration than its commit has');
}

const damaged = (why: string): Failure =>
  new Failure(
    'E_PLAN_DAMAGED',
    `the stored plan ${why}`,
    'plan again and look at it; if it stays, have an admin find out what changes plans while they are made',
  );

type Reader = 'terraform' | 'tofu';

/** The same modules at the same places, with the same files in them. */
function isOf(planned: readonly PlannedModule[], where: { cwd: string; dataDir: string }, reader: Reader): boolean {
  const { cwd, dataDir } = where;
  const own = new Map(modulesIn(join(dataDir, 'modules')).map(({ Key, Dir }) => [Key, Dir]));
  const keys = new Set(planned.map(({ key }) => key));
  if (keys.size !== planned.length || keys.size !== own.size) return false;
  return planned.every(({ key, directory, files }) => {
    const dir = own.get(key);
    if (dir === undefined || normalize(dir) !== normalize(directory)) return false;
    const place = resolve(cwd, dir);
    const names = configurationNames(place, reader);
    return (
      names.length === files.size &&
      names.every(name => readRegular(join(place, name))?.equals(files.get(name) ?? missing) ?? false)
    );
  });
}

const missing = Buffer.from('\0');

interface ModuleRecord {
  readonly Key: string;
  readonly Dir: string;
}

/** Terraform's own record of where the modules are; it has none where there are none. */
function modulesIn(modulesDir: string): readonly ModuleRecord[] {
  const text = readIfThere(join(modulesDir, 'modules.json'));
  if (text === undefined) return [{ Key: '', Dir: '.' }];
  return (JSON.parse(text) as { readonly Modules: readonly ModuleRecord[] }).Modules;
}

/** The files that become part of a configuration (Terraform's `IsIgnoredFile`; OpenTofu prefers its own suffix). */
function configurationNames(directory: string, reader: Reader): string[] {
  const names = filesIn(directory).map(({ name }) => name);
  const isRead = (name: string) => !name.startsWith('.') && !name.endsWith('~') && !/^#.*#$/s.test(name);
  const own = names.filter(name => /\.tf(?:\.json)?$/.test(name) && isRead(name));
  if (reader === 'terraform') return own;
  const preferred = names.filter(name => /\.tofu(?:\.json)?$/.test(name) && isRead(name));
  const shadowed = new Set(preferred.map(name => name.replace(/\.tofu(\.json)?$/, '.tf$1')));
  return [...preferred, ...own.filter(name => !shadowed.has(name))];
}

function filesIn(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
