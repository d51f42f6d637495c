/** What Terraform keeps in a plan file, which is a zip archive: the state it was made from, the lock, and what it was made of. */
import { Failure } from './failure.ts';
import { type PlannedBackend, readBackend } from './plan-backend.ts';
import { zipEntries } from './zip.ts';

export interface SavedPlan {
  /** The state it was made from. */
  readonly state: { readonly lineage?: string; readonly before?: number };
  /** The lock file of the stack as it was when the plan was made. */
  readonly lock: Buffer | undefined;
  /** The configuration that an apply would run, by the path of each module's calls, like `a.b`; empty for the stack itself. */
  readonly modules: ReadonlyMap<string, PlannedModule>;
  /** What an apply would write to. */
  readonly backend: PlannedBackend;
}

export interface PlannedModule {
  /** From the stack's directory, or absolute. */
  readonly directory: string;
  /** By name. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Throws nothing but a `Failure` (E_PLAN_DAMAGED): what was planned may have written the file itself. */
export function readPlan(planFile: Buffer): SavedPlan {
  let plan: SavedPlan | undefined;
  try {
    plan = planIn(planFile);
  } catch {
    // What a parser says of it repeats what it holds.
  }
  if (plan === undefined) throw damagedPlan('is not one that Terraform has written, or unpacks to too much');
  return plan;
}

export const damagedPlan = (why: string): Failure =>
  new Failure(
    'E_PLAN_DAMAGED',
    `the saved plan ${why}`,
    'plan again and look at it; if it stays, have an admin find out what changes plans while they are made',
  );

function planIn(planFile: Buffer): SavedPlan | undefined {
  const entries = zipEntries(planFile);
  const plan = entries?.get('tfplan');
  const state = entries?.get('tfstate');
  const manifest = entries?.get('tfconfig/modules.json');
  const backend = plan && readBackend(plan);
  if (entries === undefined || state === undefined || manifest === undefined || backend === undefined) return undefined;
  const modules = modulesIn(entries, manifest);
  return modules && { state: stateIn(state), lock: entries.get('.terraform.lock.hcl'), modules, backend };
}

function stateIn(entry: Buffer): SavedPlan['state'] {
  const { lineage, serial } = JSON.parse(entry.toString('utf8')) as Readonly<Record<string, unknown>>;
  return {
    ...(typeof lineage === 'string' && lineage !== '' ? { lineage } : {}),
    ...(Number.isSafeInteger(serial) ? { before: serial as number } : {}),
  };
}

function modulesIn(entries: ReadonlyMap<string, Buffer>, manifest: Buffer): SavedPlan['modules'] | undefined {
  const modules = new Map<string, { readonly directory: string; readonly files: Map<string, Buffer> }>();
  for (const record of JSON.parse(manifest.toString('utf8')) as readonly Readonly<Record<string, unknown>>[]) {
    const { Key: key, Dir: directory } = record;
    // Go takes `key` for `Key` too: a name that is written otherwise is another's to read.
    const isKnown = Object.keys(record).every(name => recordNames.has(name));
    if (typeof key !== 'string' || typeof directory !== 'string' || !isKnown || modules.has(key)) return undefined;
    modules.set(key, { directory, files: new Map() });
  }
  for (const [name, content] of entries) {
    const [, key, file] = /^tfconfig\/m-([^/]*)\/([^/]+)$/.exec(name) ?? [];
    const module = key === undefined ? undefined : modules.get(key);
    if (module !== undefined && file !== undefined) module.files.set(file, content);
    else if (!entryNames.has(name)) return undefined;
  }
  return modules;
}

const recordNames: ReadonlySet<string> = new Set(['Key', 'Source', 'Version', 'Dir']);

const entryNames: ReadonlySet<string> = new Set([
  ...['tfplan', 'tfstate', 'tfstate-prev', 'tfconfig/modules.json', '.terraform.lock.hcl'],
]);
