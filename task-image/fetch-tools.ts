/**
 * Runs while the image is built: `fetch-tools.ts LIST DIRECTORY` installs the tools of a list like `tools.json`, each under
 * `<name>-<version>`, and the first of a name under that name alone. Nothing is installed that has another checksum.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipEntries } from './zip.ts';

interface ListedTool {
  readonly name: string;
  readonly version: string;
  /** `{arch}` stands for the name that Go gives this machine's architecture. */
  readonly url: string;
  readonly sha256: Readonly<Record<string, string>>;
}

const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

async function install({ name, version, url, sha256 }: ListedTool, arch: string): Promise<Buffer> {
  const source = url.replaceAll('{arch}', arch);
  const response = await fetch(source);
  if (!response.ok) throw new Error(`${source} answers ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest !== sha256[arch]) throw new Error(`${source} has checksum ${digest}, the list says ${sha256[arch]}`);
  const file = source.endsWith('.zip') ? zipEntries(bytes)?.get(name) : bytes;
  if (file === undefined) throw new Error(`${source} has no ${name} in it, which was to be ${version}`);
  return file;
}

const [, , list = '', directory = ''] = process.argv;
const arch = architectures[process.arch];
if (arch === undefined) throw new Error(`there are no tools for ${process.arch}`);
mkdirSync(directory, { recursive: true });
const seen = new Set<string>();
for (const tool of JSON.parse(readFileSync(list, 'utf8')) as readonly ListedTool[]) {
  const file = `${tool.name}-${tool.version}`;
  writeFileSync(join(directory, file), await install(tool, arch), { mode: 0o755, flag: 'wx' });
  if (!seen.has(tool.name)) symlinkSync(file, join(directory, tool.name));
  seen.add(tool.name);
}
