/** Files of the machine that Terraform's own functions and the local provider could read for an attacker. */
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

const output = (text: string) => `output "x" {\n  value = ${text}\n}\n`;
const prey = ({ dataDir, deployKeyFile, foreignState }: Prey) => [
  `${dataDir}/server.json`,
  `${dataDir}/root.key`,
  `${dataDir}/ledger.sqlite`,
  deployKeyFile,
  foreignState,
];

/** Backwards, since no masking knows that form; the sandbox must not need it. */
const gated: readonly GatedAttack[] = [
  ...['/proc/self/environ', '/proc/1/environ', '/proc/self/../self/environ', '//proc/self/environ'].map(
    (file, index): GatedAttack => ({
      name: `environment-${index}`,
      row: 'RCE-29',
      rule: 'file-path',
      files: { 'main.tf': output(`strrev(base64encode(file("${file}")))`) },
      opened: { state: 'succeeded' },
    }),
  ),
  {
    name: 'environments',
    row: 'RCE-30',
    rule: 'file-path',
    files: { 'main.tf': output(`[for f in fileset("/proc", "*/environ") : strrev(try(file("/proc/\${f}"), ""))]`) },
    opened: { state: 'succeeded' },
  },
  {
    name: 'templatefile',
    rule: 'file-path',
    files: ({ dataDir }) => ({ 'main.tf': output(`strrev(templatefile("${dataDir}/server.json", {}))`) }),
    opened: {
      state: 'failed',
      code: 'E_PLAN',
      log: /no file exists|No such file|does not exist|Invalid function argument/i,
    },
  },
  {
    name: 'deploy-key',
    row: 'RCE-31',
    rule: 'file-path',
    files: ({ deployKeyFile }) => ({ 'main.tf': output(`strrev(file("${deployKeyFile}"))`) }),
    opened: { state: 'failed', code: 'E_PLAN' },
  },
  {
    name: 'out-of-the-repository',
    rule: 'file-path',
    files: {
      'main.tf': output(`join(" ", ["seen:", join(",", fileset("\${path.module}/../../..", "**/server.json")), "."])`),
    },
    opened: { state: 'succeeded', log: /"seen: {2}\."/ },
  },
  {
    name: 'local-file',
    rule: 'file-path',
    files: ({ foreignState }) => ({
      'main.tf': `data "local_file" "x" {\n  filename = "${foreignState}"\n}\n${output('strrev(data.local_file.x.content)')}`,
      '.terraform.lock.hcl': lockFile('local'),
    }),
    opened: { state: 'failed', code: 'E_PLAN', log: /no such file/ },
  },
];

/** No rule sees these: what they name is known only when they run. */
const unseen: readonly Attack[] = [
  {
    name: 'paths-that-are-put-together',
    files: places => ({
      'main.tf': `variable "f" {\n  default = ${JSON.stringify(prey(places).map(path => [...path].reverse().join('')))}\n}\n${output(
        'join(" ", ["seen:", join(",", [for f in var.f : f if fileexists(strrev(f))]), "."])',
      )}`,
    }),
  },
  {
    name: 'listing-of-the-machine',
    row: 'RCE-32',
    files: ({ dataDir }) => ({
      'main.tf': output(
        `join(" ", ["seen:", join(",", [for f in fileset(strrev("${[...dataDir].reverse().join('')}"), "**") : f if can(regex("json|key|sqlite|other|plans", f))]), "."])`,
      ),
    }),
  },
  {
    name: 'link',
    files: ({ dataDir }) => ({
      'main.tf': output('join(" ", ["seen:", strcontains(file("link"), "tokens") ? "yes" : "", "."])'),
      link: { link: `${dataDir}/server.json` },
    }),
  },
];

describe.skipIf(requires('sshd', 'terraform', 'providers'))('files of the machine', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield([...gated, ...gated.map(withGateOpen), ...unseen]);
  });
  afterAll(() => field?.stop());

  test.each(gated)('$name is refused before Terraform starts', attack => refusedByTheGate(field, attack, 'file-path'));

  test.each(gated)('$name finds nothing where it is let in', attack => heldByTheSandbox(field, attack));

  test.each(unseen)('$name finds nothing', async attack => {
    const { run, log } = await field.raid(attack);
    if (run.error?.code !== 'E_GATE') expect(log).toMatch(/"seen: {2}\."/);
  });

  test('nothing is left of any', () => nothingLeft(field.server));
});
