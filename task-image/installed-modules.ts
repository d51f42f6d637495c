/** Which modules `init` has installed, and where, by Terraform's own record of them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './read-file.ts';

export interface InstalledModule {
  /** The path of its calls, like `a.b`; empty for the stack itself. */
  readonly Key: string;
  /** From the stack's directory, or absolute. */
  readonly Dir: string;
}

export const modulesDir = (dataDir: string): string => join(dataDir, 'modules');

/** There is no record where there are no modules but the stack itself. Throws where there is one that cannot be read. */
export function installedModules(dataDir: string): readonly InstalledModule[] {
  const file = join(modulesDir(dataDir), 'modules.json');
  if (!existsSync(file)) return [{ Key: '', Dir: '.' }];
  const text = readIfThere(file);
  if (text === undefined) throw new Error('the record of the installed modules cannot be read');
  return (JSON.parse(text) as { readonly Modules: readonly InstalledModule[] }).Modules;
}
