import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cliConfig, type ProviderSource } from '../../task-image/cli-config.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whereIs } from '../support/where-is.ts';

const source = (differences: Partial<ProviderSource> = {}): ProviderSource => ({
  include: ['hashicorp/*'],
  exclude: [],
  ...differences,
});

test.each([
  ['the registries', source(), 'direct {\n    include'],
  [
    'a directory',
    source({ mirror: '/srv/providers' }),
    'filesystem_mirror {\n    path    = "/srv/providers"\n    include',
  ],
  [
    'a mirror',
    source({ mirror: 'https://m.example/p/' }),
    'network_mirror {\n    url     = "https://m.example/p/"\n    include',
  ],
])('providers come from %s, and from nowhere else', (_what, given, method) => {
  const text = cliConfig(given);
  expect(text).toContain(`provider_installation {\n  ${method} = ["hashicorp/*"]\n    exclude = []\n  }\n}`);
  expect(text.match(/direct|_mirror/g)).toHaveLength(1);
});

const mirror = temporaryDirectory('mirror');
const platform = `linux_${process.arch === 'x64' ? 'amd64' : process.arch}`;
for (const name of ['good/one', 'bad/one']) {
  const directory = join(mirror, 'registry.terraform.io', name, '1.0.0', platform);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'terraform-provider-one_v1.0.0'), '#!/bin/sh\n', { mode: 0o755 });
}

/** `terraform init` of a stack that wants this provider; the exit status. */
function init(provider: string, config: string, files: Readonly<Record<string, string>> = {}): number | null {
  const directory = temporaryDirectory('stack');
  writeFileSync(
    join(directory, 'main.tf'),
    `terraform {\n  required_providers {\n    x = { source = "${provider}" }\n  }\n}\n`,
  );
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text, { mode: 0o755 });
  }
  const env = { PATH: '/usr/bin:/bin', TF_CLI_CONFIG_FILE: join(directory, 'cli.tfrc'), CHECKPOINT_DISABLE: '1' };
  writeFileSync(env.TF_CLI_CONFIG_FILE, config);
  return spawnSync(whereIs('terraform') ?? '', ['init', '-input=false'], { cwd: directory, env }).status;
}

describe.skipIf(requires('terraform'))('Terraform', { timeout: 60_000 }, () => {
  test('installs a provider that is allowed, and no other, though it lies beside it', () => {
    const config = cliConfig(source({ include: ['good/*'], mirror }));
    expect(init('good/one', config)).toBe(0);
    expect(init('bad/one', config)).toBe(1);
  });

  test('does not install what is excluded of what is included', () => {
    expect(init('bad/one', cliConfig(source({ include: ['*/*'], exclude: ['bad/one'], mirror })))).toBe(1);
    expect(init('good/one', cliConfig(source({ include: ['*/*'], exclude: ['bad/one'], mirror })))).toBe(0);
  });

  test('installs nothing that a stack brings along', () => {
    const along = `terraform.d/plugins/registry.terraform.io/bad/one/1.0.0/${platform}/terraform-provider-one_v1.0.0`;
    const config = cliConfig(source({ include: ['*/*'], mirror: temporaryDirectory('mirror') }));
    expect(init('bad/one', config, { [along]: '#!/bin/sh\n' })).toBe(1);
    // What Terraform does by itself.
    expect(init('bad/one', '', { [along]: '#!/bin/sh\n' })).toBe(0);
  });

  test('reads any directory name as it is', () => {
    const console = (text: string) => {
      const directory = temporaryDirectory('text');
      const [, expression = ''] = /path {4}= (.*)\n/.exec(cliConfig(source({ mirror: text }))) ?? [];
      writeFileSync(join(directory, 'said'), JSON.stringify(text));
      return execFileSync(whereIs('terraform') ?? '', ['console'], {
        ...{ cwd: directory, env: { PATH: '/usr/bin:/bin', CHECKPOINT_DISABLE: '1' }, encoding: 'utf8' },
        input: `${expression} == jsondecode(file("said"))\n`,
      }).trim();
    };
    const odd = fc.string({
      unit: fc.constantFrom('$', '%', '{', '}', '"', '\\', 'a', '~', ' ', 'é', '\n'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(odd, text => console(`/${text}`) === 'true'),
      { numRuns: 15 },
    );
    expect(console('/${path.cwd}%{ if true }$${x}')).toBe('true');
  });
});
