/** What Terraform keeps in a plan file, which is a zip archive: the state it was made from, the lock, and what it was made of. */
import { type PlannedBackend, readBackend } from './plan-backend.ts';
import { zipEntries } from './zip.ts';

/** Lineage and serial of the state a plan was made from. */
export function plannedState(planFile: Buffer): { lineage?: string; before?: number } {
  const entry = entryOf(planFile, 'tfstate');
  if (entry === undefined) return {};
  const { lineage, serial } = JSON.parse(entry.toString('utf8')) as { lineage?: string; serial?: number };
  return { ...(lineage ? { lineage } : {}), ...(serial === undefined ? {} : { before: serial }) };
}

/** The lock file of the stack as it was when the plan was made. */
export const plannedLock = (planFile: Buffer): Buffer | undefined => entryOf(planFile, '.terraform.lock.hcl');

const entryOf = (planFile: Buffer, name: string): Buffer | undefined => zipEntries(planFile)?.get(name)?.();

export interface PlannedModule {
  /** The path of its calls, like `a.b`; empty for the stack itself. */
  readonly key: string;
  /** From the stack's directory, or absolute. */
  readonly directory: string;
  /** By name. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** The configuration that an apply of the plan would run, and the backend it would write to. */
export interface PlannedWork {
  readonly modules: readonly PlannedModule[];
  readonly backend: PlannedBackend;
}

/** Undefined for a plan file that is not as Terraform writes them. */
export function plannedWork(planFile: Buffer): PlannedWork | undefined {
  const entries = zipEntries(planFile);
  const plan = entries?.get('tfplan');
  const manifest = entries?.get('tfconfig/modules.json');
  const backend = plan && readBackend(plan());
  if (entries === undefined || manifest === undefined || backend === undefined) return undefined;
  const listed = JSON.parse(manifest().toString('utf8')) as readonly { Key: string; Dir: string }[];
  const modules = listed.map(({ Key: key, Dir: directory }) => ({ key, directory, files: new Map<string, Buffer>() }));
  for (const [name, content] of entries) {
    const [, key, file] = /^tfconfig\/m-([^/]*)\/([^/]+)$/.exec(name) ?? [];
    const module = modules.find(one => one.key === key);
    if (module !== undefined && file !== undefined) module.files.set(file, content());
    else if (!known.has(name)) return undefined;
  }
  return { modules, backend };
}

const known: ReadonlySet<string> = new Set([
  ...['tfplan', 'tfstate', 'tfstate-prev', 'tfconfig/modules.json', '.terraform.lock.hcl'],
]);
