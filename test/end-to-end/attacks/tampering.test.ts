/** What planned code leaves in places that the worker itself reads or removes afterwards, outside of any sandbox. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockFile } from '../../support/providers.ts';
import { requires } from '../../support/requirements.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import { type Attack, type Battlefield, battlefield } from './attack.ts';
import { external } from './looter.ts';

/** The program runs while the plan is made. */
const planned = (name: string, script: string, more = ''): Attack => ({
  name,
  files: () => ({
    'main.tf': `${external}${more}`,
    'loot.sh': `${script}\necho '{}'\n`,
    '.terraform.lock.hcl': lockFile('external'),
  }),
  stack: { gate: { allow: ['external-data'] }, limits: { memory_mb: 500 } },
});

const attacks: readonly Attack[] = [
  planned('lock-file-that-never-ends', 'ln -sf /dev/zero .terraform.lock.hcl'),
  planned('forged-state', `echo '{"version": 4, "serial": 99}' >errored.tfstate`),
  planned('locked-directories', 'mkdir -p a/b/c "$TMPDIR/a/b" && chmod 0 a/b a "$TMPDIR/a"'),
  planned('links-out', 'ln -s / root && ln -s ../../../../state state && ln -s / "$TMPDIR/root"'),
  planned('deep-directories', 'for i in $(seq 300); do mkdir d && cd -P d; done 2>/dev/null'),
  planned('output-cut-off', '(head -c 20000 /dev/zero | tr "\\\\0" x; echo) >/proc/1/fd/1; sleep 1; : >/proc/1/fd/1'),
];

/** Makes a plan of its own and puts it in the place of the one that Terraform writes: what is applied is what it holds. */
const forged: Attack = {
  ...planned(
    'forged-plan',
    `mkdir "$TMPDIR/e" && cp .terraform.lock.hcl "$TMPDIR/e" && cd "$TMPDIR/e"
cat >main.tf <<'X'
terraform {
  required_providers {
    external = { source = "hashicorp/external" }
  }
}
resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "echo what no gate has seen runs"
  }
}
X
export TF_DATA_DIR=$TMPDIR/e/d
{ /proc/1/exe init -input=false && /proc/1/exe plan -input=false -lock=false -out=f; } >/dev/null 2>&1
export P=\${TMPDIR%/*}/p/plan F=\${TMPDIR%/*}/p/f
cp f "$F"
setsid perl -e 'while (!-e $ENV{P}) {} rename $ENV{F}, $ENV{P}' </dev/null >/dev/null 2>&1 &
sleep 0.5`,
    // Time for the exchange: a plan is printed after it is written.
    'output "x" {\n  value = [for n in range(300) : format("%010000d", n)]\n}\n',
  ),
  command: 'apply',
};

describe.skipIf(requires('sshd', 'terraform', 'providers'))('planned code', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield([...attacks, forged]);
  });
  afterAll(() => field?.stop());

  test('with a plan of its own does not get it applied', async () => {
    const { run, log } = await field.raid(forged);
    expect(run).toMatchObject({ command: 'apply', state: 'failed', error: { code: 'E_PLAN_DAMAGED' }, exitCode: 6 });
    expect(log).not.toContain('what no gate has seen');
    await nothingLeft(field.server);
  });

  test.each(attacks)('with $name does not mislead or hold the worker', async attack => {
    const { run } = await field.raid(attack);
    expect(run).not.toMatchObject({ state: 'lost' });
    expect(run).not.toMatchObject({ state: 'timed_out' });
    await nothingLeft(field.server);
    expect(
      readdirSync(join(field.prey.dataDir, 'state')).filter(
        name => name.startsWith(`${attack.name}@`) && name.includes('errored'),
      ),
    ).toEqual([]);
  });
});
