/** Bundles everything that runs into dist/: the binaries, the worker and the HCL parser, and the functions of the control plane. */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type BuildOptions, build } from 'esbuild';
import { zipSync } from 'fflate';
import { installedParser, parserFile } from './task-image/hcl/parser-file.ts';

const root = import.meta.dirname;
const { version: own } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };

const worker = { worker: 'task-image/process.ts', hcl: 'task-image/hcl/process.ts' };

/** Everything that an installation of its own has. */
export async function bundle(outdir = `${root}/dist`): Promise<void> {
  const bins = { 'infra-deployer': 'deployer-cli/main.ts', 'infra-deployer-server': 'invoker/server.ts' };
  await bundleOf({ ...bins, ...worker }, outdir);
  for (const bin of Object.keys(bins)) chmodSync(`${outdir}/${bin}.js`, 0o755);
  await bundleFunctions(`${outdir}/lambda`);
}

/** What the worker's image has of it. */
export const bundleWorker = (outdir: string): Promise<void> => bundleOf(worker, outdir);

/** The directory, and the same beside it as a zip: the same bytes for the same sources. */
export async function bundleFunctions(outdir: string, version = own): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    ...common(version),
    entryPoints: { index: 'invoker/lambda.ts' },
    outdir,
    outExtension: { '.js': '.mjs' },
    target: 'node24',
    minify: true,
  });
  const files = readdirSync(outdir).sort();
  const entries = files.map(name => [name, readFileSync(`${outdir}/${name}`)] as const);
  // The oldest time that the format knows.
  writeFileSync(`${outdir}.zip`, zipSync(Object.fromEntries(entries), { level: 9, mtime: '1980-01-01T00:00:00' }));
}

async function bundleOf(entryPoints: Readonly<Record<string, string>>, outdir: string): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  await build({ ...common(own), entryPoints, outdir, minifySyntax: true });
  writeFileSync(`${outdir}/${parserFile}`, installedParser());
}

/** ESM with shared chunks, so that nothing is loaded that is not called. */
const common = (version: string): BuildOptions => ({
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  // The SDK's ES modules: of CommonJS nothing can be left out, and a dynamic import finds no names in it.
  mainFields: ['module', 'main'],
  target: 'node22.18',
  legalComments: 'none',
  define: { INFRA_DEPLOYER_VERSION: JSON.stringify(version) },
  // Fastify is CommonJS and calls require() at run time; the long name cannot clash with a bundled one.
  banner: {
    js: "import { createRequire as createRequireForBundledCommonJs } from 'node:module';const require = createRequireForBundledCommonJs(import.meta.url);",
  },
  logLevel: 'warning',
});

if (import.meta.main ?? process.argv[1] === import.meta.filename) await bundle();
