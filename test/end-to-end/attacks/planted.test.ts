/** Programs and settings that lie in the repository where Terraform would look for its own. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../support/command.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { lockEntry, packagePath } from '../../support/providers.ts';
import type { Files } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import { type Attack, type Battlefield, battlefield, type Prey } from './attack.ts';

const host = 'registry.terraform.io';
const source = 'evil/evil';
const main = `terraform {
  required_providers {
    evil = { source = "${source}" }
  }
}
resource "evil_thing" "x" {}
`;
const program = ({ markers }: Prey, name: string) => `#!/bin/sh\ntouch ${markers}/${name}\n`;
const plain = 'resource "terraform_data" "x" {}\n';

/** Each leaves a marker when plain Terraform plans it: `init` may fail or not, `plan` follows. */
const programs: readonly Attack[] = [
  {
    name: 'provider-in-terraform.d',
    row: 'RCE-05',
    files: prey => ({
      'main.tf': main,
      [`terraform.d/plugins/${packagePath(host, source, '1.0.0')}`]: {
        executable: program(prey, 'provider-in-terraform.d'),
      },
    }),
  },
  {
    name: 'provider-in-.terraform',
    row: 'RCE-06',
    files: prey => {
      const text = program(prey, 'provider-in-.terraform');
      return {
        'main.tf': main,
        '.terraform.lock.hcl': lockEntry(`${host}/${source}`, '1.0.0', text),
        [`.terraform/providers/${packagePath(host, source, '1.0.0')}`]: { executable: text },
      };
    },
  },
];

/** Settings that plain Terraform obeys. */
const settings: readonly Attack[] = [
  {
    name: 'workspace',
    row: 'RCE-28',
    files: {
      'main.tf': `${plain}output "w" { value = "in \${terraform.workspace}" }\n`,
      '.terraform/environment': 'evil',
    },
  },
  {
    name: 'backend-pointer',
    row: 'RCE-27',
    files: ({ foreignState }) => ({
      'main.tf': plain,
      '.terraform/terraform.tfstate': JSON.stringify({
        version: 3,
        serial: 1,
        lineage: 'x',
        backend: { type: 'local', config: { path: foreignState }, hash: 1 },
      }),
    }),
  },
  {
    name: 'module-in-.terraform',
    files: {
      'main.tf': `${plain}module "m" { source = "./m" }\n`,
      'm/main.tf': plain,
      '.terraform/modules/modules.json': '{"Modules":[{"Key":"m","Source":"./m","Dir":"../../.."}]}',
    },
  },
];

const committed: readonly Attack[] = ['terraform.tfstate', 'terraform.tfstate.backup', 'terraform.tfstate.d/x'].map(
  name => ({ name: `committed-${name.replace('/', '-')}`, files: { 'main.tf': plain, [name]: '{}' } }),
);
const all = [...programs, ...settings, ...committed];

describe.skipIf(requires('sshd', 'terraform', 'providers'))('planted in the repository', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield(all);
  });
  afterAll(() => field?.stop());

  test.each(programs)('$name would run when plain Terraform plans it', async ({ name, files }) => {
    const prey = { ...field.prey, markers: temporaryDirectory('markers') };
    const stack = temporaryDirectory('stack');
    write(stack, typeof files === 'function' ? files(prey, name) : files);
    // Another home, so that only what lies in the stack can be found.
    const env = cleanEnvironment({ HOME: temporaryDirectory('home'), CHECKPOINT_DISABLE: '1' });
    for (const step of ['init', 'plan']) await run('terraform', [step, '-input=false'], { cwd: stack, env });
    expect(readdirSync(prey.markers)).toEqual([name]);
  });

  test.each(all)('$name is refused before Terraform starts', async attack => {
    const { run, cli } = await field.raid(attack);
    expect(run).toMatchObject({ state: 'failed', terraformStarted: false, exitCode: 5 });
    expect(run.error?.code).toMatch(/^E_(GATE|STATE_COMMITTED)$/);
    expect(cli.status).toBe(5);
    expect(existsSync(join(field.prey.markers, attack.name))).toBe(false);
  });

  test('nothing is left of any', () => nothingLeft(field.server));
});

function write(directory: string, files: Files): void {
  for (const [name, entry] of Object.entries(files)) {
    const file = join(directory, name);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof entry === 'string') writeFileSync(file, entry);
    else if (entry && 'executable' in entry) writeFileSync(file, entry.executable, { mode: 0o755 });
  }
}
