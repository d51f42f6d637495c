/** Builds the programs for one test run alone, so that another run, a demo or `npm run build` cannot pull them away. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../../esbuild.config.ts';

/** Into `parent`; from here on, in this process and its children, `dist()` is that directory. */
export async function buildFor(parent: string): Promise<void> {
  const outdir = join(parent, 'dist');
  await bundle(outdir);
  // Away from the project's package.json nothing else says that these files are modules.
  writeFileSync(join(outdir, 'package.json'), '{"type": "module"}\n');
  process.env.INFRA_DEPLOYER_DIST = outdir;
}
