/** The bases of the worker's image, made on this machine where no registry can be asked, and kept in the user's cache. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bubblewrapMissing, rootMissing } from './bubblewrap.ts';
import { mustRun, run } from './command.ts';
import { cleanEnvironment } from './environment.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { whereIs } from './where-is.ts';

/** Why no image can be built and run here, or undefined when it can. */
export const imageMissing = (): string | undefined =>
  rootMissing() ??
  bubblewrapMissing() ??
  ['buildah', 'debootstrap']
    .filter(tool => !whereIs(tool))
    .map(tool => `${tool} is not on the PATH (package ${tool})`)[0];

export interface Bases {
  /** For `buildah`: where images are kept, and that containers are made by chroot, which needs no privileged host. */
  readonly env: Readonly<Record<string, string>>;
  readonly buildArgs: readonly string[];
}

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'infra-deployer', 'image');

/** Debian by `debootstrap` under the name of the one base, the same with this Node under that of the other. */
export async function imageBases(): Promise<Bases> {
  mkdirSync(cache, { recursive: true });
  const env = await storage();
  const debian = 'localhost/infra-deployer-test/debian:bookworm';
  const node = `localhost/infra-deployer-test/node:${process.versions.node}`;
  if (!(await has(debian, env))) await commit(debian, env, 'scratch', [await debianTree(), '/']);
  if (!(await has(node, env))) await commit(node, env, debian, [process.execPath, '/usr/local/bin/node']);
  return { env, buildArgs: [`DEBIAN_IMAGE=${debian}`, `NODE_IMAGE=${node}`] };
}

/** Storage of the tests' own: the machine's images are nobody's business here. */
async function storage(): Promise<Record<string, string>> {
  const conf = (driver: string) => {
    const file = join(cache, `${driver}.conf`);
    const [graph, running] = [join(cache, driver), join(cache, `${driver}-running`)];
    writeFileSync(file, `[storage]\ndriver = "${driver}"\ngraphroot = "${graph}"\nrunroot = "${running}"\n`);
    return cleanEnvironment({
      CONTAINERS_STORAGE_CONF: file,
      BUILDAH_ISOLATION: 'chroot',
    });
  };
  // On top of an overlay, which is what a container's own disk often is, there can be no other.
  const overlay = conf('overlay');
  return (await run('buildah', ['info'], { env: overlay })).status === 0 ? overlay : conf('vfs');
}

const has = async (image: string, env: Bases['env']): Promise<boolean> =>
  (await run('buildah', ['inspect', '--type', 'image', image], { env })).status === 0;

async function debianTree(): Promise<string> {
  const tree = temporaryDirectory('debian');
  await mustRun('debootstrap', ['--variant=minbase', 'bookworm', tree, 'http://deb.debian.org/debian'], {
    timeoutMs: 300_000,
  });
  return tree;
}

async function commit(image: string, env: Bases['env'], from: string, added: readonly [string, string]): Promise<void> {
  const buildah = async (...argv: readonly string[]) =>
    (await mustRun('buildah', argv, { env, timeoutMs: 300_000 })).stdout.trim();
  const container = await buildah('from', '--pull-never', from);
  await buildah('add', container, ...added);
  await buildah('commit', '--rm', container, image);
}
