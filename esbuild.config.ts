/** Bundles the two binaries, the worker and the HCL parser into dist/: ESM with shared chunks, so that nothing is loaded that is not called. */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { installedParser, parserFile } from './task-image/hcl/parser-file.ts';

const root = import.meta.dirname;
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };

export async function bundle(outdir = `${root}/dist`): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: {
      'infra-deployer': 'deployer-cli/main.ts',
      'infra-deployer-server': 'invoker/server.ts',
      worker: 'task-image/process.ts',
      hcl: 'task-image/hcl/process.ts',
    },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    // The SDK's ES modules: of CommonJS nothing can be left out, and a dynamic import finds no names in it.
    mainFields: ['module', 'main'],
    target: 'node22.18',
    minifySyntax: true,
    legalComments: 'none',
    define: { INFRA_DEPLOYER_VERSION: JSON.stringify(version) },
    // Fastify is CommonJS and calls require() at run time; the long name cannot clash with a bundled one.
    banner: {
      js: "import { createRequire as createRequireForBundledCommonJs } from 'node:module';const require = createRequireForBundledCommonJs(import.meta.url);",
    },
    logLevel: 'warning',
  });
  writeFileSync(`${outdir}/${parserFile}`, installedParser());
  for (const bin of ['infra-deployer.js', 'infra-deployer-server.js']) chmodSync(`${outdir}/${bin}`, 0o755);
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) await bundle();
