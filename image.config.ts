/** Builds the worker's image with docker or buildah, whichever works here, and says how large it is and what is in it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleWorker } from './esbuild.config.ts';

const help = `npm run image -- [options]
  --tag NAME          what the image is called; infra-deployer-worker when left out
  --tools FILE        a list like task-image/tools.json, with other tools or versions
  --providers DIR     a directory with a providers.tf, and a lock file if there is one: the image gets a mirror of them
  --build-arg K=V     handed on: NODE_IMAGE and DEBIAN_IMAGE are the bases
  --builder NAME      docker or buildah
`;

const room = join(import.meta.dirname, 'task-image');

interface Builder {
  readonly probe: readonly string[];
  readonly build: readonly string[];
  /** Runs `cat` on what the image says it contains. */
  readonly contents: (tag: string) => string;
}

const builders: Readonly<Record<string, Builder>> = {
  docker: {
    probe: ['info'],
    build: ['build'],
    contents: tag => said('docker', ['run', '--rm', '--network=none', '--entrypoint=cat', tag, '/opt/contents']),
  },
  buildah: {
    probe: ['info'],
    build: ['build', '--layers', '--force-rm'],
    contents: tag => {
      const container = said('buildah', ['from', '--pull-never', tag]);
      try {
        return said('buildah', ['run', container, '--', 'cat', '/opt/contents']);
      } finally {
        said('buildah', ['rm', container]);
      }
    },
  },
};

/** Lambda takes an image, and docker would push a list: of the image, and of where it comes from. Older ones have neither. */
const oneManifest = { BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };

const options = {
  tag: { type: 'string', default: 'infra-deployer-worker' },
  tools: { type: 'string', default: join(room, 'tools.json') },
  providers: { type: 'string' },
  'build-arg': { type: 'string', multiple: true },
  builder: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;
type Wishes = ReturnType<typeof wishesOf>;

const wishesOf = (args: string[]) => parseArgs({ args, options }).values;

async function main(): Promise<number> {
  try {
    const wishes = wishesOf(process.argv.slice(2));
    if (!wishes.help) return await buildImage(wishes);
    process.stdout.write(help);
    return 0;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help}`);
    return 3;
  }
}

async function buildImage(wishes: Wishes): Promise<number> {
  const { tag, tools, providers, 'build-arg': buildArgs = [] } = wishes;
  const name = [wishes.builder ?? Object.keys(builders)].flat().find(isWorking);
  const builder = builders[name ?? ''];
  if (name === undefined || builder === undefined) {
    process.stderr.write('no builder of images works here\n  fix: install buildah, or start docker\n');
    return 3;
  }
  const context = mkdtempSync(join(tmpdir(), 'infra-deployer-image-'));
  try {
    await fillContext(context, tools, providers);
    const args = buildArgs.flatMap(arg => ['--build-arg', arg]);
    const argv = [...builder.build, ...args, '--tag', tag, '--file', join(room, 'Dockerfile'), context];
    const { status } = spawnSync(name, argv, { stdio: 'inherit', env: { ...process.env, ...oneManifest } });
    if (status !== 0) return 1;
    const size = said(name, ['images', '--format', '{{.Size}}', tag]);
    process.stdout.write(`\n${tag}: ${size}\n${builder.contents(tag)}\n`);
    return 0;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** Nothing but what the Dockerfile copies. */
async function fillContext(context: string, tools: string, providers: string | undefined): Promise<void> {
  await bundleWorker(join(context, 'worker'));
  for (const directory of ['', 'worker'])
    writeFileSync(join(context, directory, 'package.json'), '{"type": "module"}\n');
  for (const file of ['fetch-tools.ts', 'zip.ts']) copyFileSync(join(room, file), join(context, file));
  copyFileSync(tools, join(context, 'tools.json'));
  if (providers === undefined) mkdirSync(join(context, 'providers'));
  else cpSync(providers, join(context, 'providers'), { recursive: true });
}

const isWorking = (name: string): boolean =>
  builders[name] !== undefined && spawnSync(name, builders[name].probe, { stdio: 'ignore' }).status === 0;

function said(file: string, argv: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(file, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${argv.join(' ')}: ${stderr}`);
  return stdout.trim();
}

process.exitCode = await main();
