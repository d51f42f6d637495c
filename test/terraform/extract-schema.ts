/**
 * Writes `provider/aws-schema.json`: what the AWS provider knows of the resources and data sources that the module and its examples
 * use, read from bindings that cdktn.io generates of the provider's schema. In the form of `terraform providers schema -json`.
 * Run it after the module uses something new: `node test/terraform/extract-schema.ts`. It asks npm's registry for one package.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockOf } from './binding.ts';

const bindings = '@cdktn/provider-aws@25.7.0';
const root = join(import.meta.dirname, '..', '..');
const target = join(import.meta.dirname, 'provider', 'aws-schema.json');

const work = mkdtempSync(join(tmpdir(), 'aws-schema-'));
try {
  const [{ filename }] = JSON.parse(npm('pack', bindings, '--json')) as [{ filename: string }];
  execFileSync('tar', ['-xzf', filename], { cwd: work });
  const manifest = JSON.parse(readFileSync(join(work, 'package/package.json'), 'utf8')) as {
    cdktn: { provider: { version: string } };
  };
  const schema = {
    bindings,
    provider: `hashicorp/aws ${manifest.cdktn.provider.version}`,
    resource_schemas: Object.fromEntries(used('resource').map(type => [type, blockOf(binding(folder(type)))])),
    data_source_schemas: Object.fromEntries(
      used('data').map(type => [type, blockOf(binding(`data-aws-${folder(type)}`))]),
    ),
  };
  writeFileSync(target, JSON.stringify(schema));
  execFileSync(process.execPath, [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'format', '--write', target]);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Types in the module and its examples, e.g. `aws_lambda_function`. */
function used(kind: 'resource' | 'data'): string[] {
  const texts = globSync('terraform/**/*.tf', { cwd: root }).map(file => readFileSync(join(root, file), 'utf8'));
  const types = texts.flatMap(text =>
    [...text.matchAll(new RegExp(`^${kind} "(aws_\\w+)"`, 'gm'))].map(([, type]) => type),
  );
  return [...new Set(types)].filter(type => type !== undefined).sort();
}

function folder(type: string): string {
  return type.replace(/^aws_/, '').replaceAll('_', '-');
}

function binding(name: string): string {
  return readFileSync(join(work, `package/lib/${name}/index.js`), 'utf8');
}

function npm(...args: readonly string[]): string {
  return execFileSync('npm', args, { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
