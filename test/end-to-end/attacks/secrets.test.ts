/** Values that Terraform calls sensitive, and tokens that anybody knows by their shape, shown on purpose. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockFile } from '../../support/providers.ts';
import { requires } from '../../support/requirements.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import { type Attack, type Battlefield, battlefield, type Raid } from './attack.ts';

const output = (name: string, text: string) => `output "${name}" {\n  value = ${text}\n}\n`;
const shown = 'nonsensitive(random_password.x.result)';
const stack = { gate: { allow: ['provisioner'] } };
const password: Attack['files'] = () => ({
  'main.tf': 'resource "random_password" "x" {}\n',
  '.terraform.lock.hcl': lockFile('random'),
});

/** What follows the apply that makes the password; each shows it in another way. */
const later: Readonly<Record<string, string>> = {
  nonsensitive: output('x', `"value: \${${shown}} end"`),
  encoded: [
    output('a', `base64encode(${shown})`),
    output('b', `base64encode("x\${${shown}}")`),
    output('c', `base64encode("xy\${${shown}}")`),
    output('d', `urlencode("/\${${shown}}")`),
    output('e', `jsonencode({ a = jsonencode({ b = ${shown} }) })`),
    output('f', `"<<\${${shown}}>>\\n\${${shown}}\\n"`),
  ].join(''),
  'error-of-a-function': output('x', 'parseint(random_password.x.result, 10)'),
  'error-message': `check "c" {
  assert {
    condition     = random_password.x.result == "x"
    error_message = "it is \${${shown}}"
  }
}
`,
};
const ofPasswords: readonly Attack[] = Object.keys(later).map(name => ({ name, command: 'apply', files: password }));

const echoed: Attack = {
  name: 'echoed',
  row: 'SEC-12',
  command: 'apply',
  files: () => ({
    'main.tf': `resource "random_password" "x" {}
resource "terraform_data" "x" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = "echo it is \${${shown}} | tee /dev/stderr"
  }
}
`,
    '.terraform.lock.hcl': lockFile('random'),
  }),
  stack,
};

const begin = '-----BEGIN OPENSSH PRIVATE KEY-----';
const body = [
  'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ',
  'AAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQAAACAx',
  'YWJjZGVmZ2hpamtsbW5vcA',
];
const tokens = [
  ['AKIA', 'ABCDEFGHIJKLMNOP'].join(''),
  ['glpat', '-AbCdEfGhIjKlMnOpQrSt'].join(''),
  ['ghp', '_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789'].join(''),
];
const known: Attack = {
  name: 'tokens-and-a-key',
  row: 'SEC-20',
  files: {
    'main.tf': `${output('x', JSON.stringify(tokens.join(' ')))}${output('y', JSON.stringify([begin, ...body, begin.replace('BEGIN', 'END'), ''].join('\n')))}`,
  },
};
const variable: Attack = {
  name: 'sensitive-variable',
  row: 'SEC-07',
  files: {
    'main.tf': `variable "s" {\n  default   = "TOPSECRETVAL"\n  sensitive = true\n}\n${output('x', `"is \${nonsensitive(var.s)}"`)}`,
  },
};

describe.skipIf(requires('sshd', 'terraform', 'providers'))('a secret', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield([...ofPasswords, echoed, known, variable]);
  });
  afterAll(() => field?.stop());

  /** The password that the state of this repository's stack holds. */
  const passwordOf = (name: string): string => {
    const directory = join(field.prey.dataDir, 'state');
    const [file = ''] = readdirSync(directory).filter(
      entry => entry.startsWith(`${name}@`) && entry.endsWith('tfstate'),
    );
    const [, found] = /"result": "(\w+)"/.exec(readFileSync(join(directory, file), 'utf8')) ?? [];
    if (found === undefined) throw new Error(`no password in ${file}`);
    return found;
  };

  const expectHidden = ({ run, cli, log }: Raid, secrets: readonly string[]) => {
    const all = `${JSON.stringify(run)}${cli.stdout}${cli.stderr}${log}`;
    for (const secret of secrets) {
      expect(all).not.toContain(secret);
      for (const before of ['', 'x', 'xy'])
        expect(all).not.toContain(
          Buffer.from(before + secret)
            .toString('base64')
            .slice(4, -4),
        );
    }
  };

  test.each(ofPasswords)('in the state is not shown by $name', async attack => {
    await field.raid(attack);
    field.repository(attack.name).commit('main', { 'prod/x/later.tf': later[attack.name] ?? '' });
    const raid = await field.raid({ ...attack, command: 'plan' });
    expectHidden(raid, [passwordOf(attack.name)]);
    expect(raid.log).toContain('[masked]');
  });

  test('in the state is not shown by a program that prints it', async () => {
    await field.raid(echoed);
    const raid = await field.raid(echoed);
    expectHidden(raid, [passwordOf(echoed.name)]);
    expect(raid.log).toContain('it is [masked]');
  });

  test('of a known shape is not shown', async () => {
    const raid = await field.raid(known);
    expect(raid.run.state).toBe('succeeded');
    expectHidden(raid, [...tokens, ...body]);
  });

  test('in a sensitive variable is not shown', async () => {
    const raid = await field.raid(variable);
    expectHidden(raid, ['TOPSECRETVAL']);
    expect(raid.log).toContain('is [masked]');
  });

  test('leaves nothing', () => nothingLeft(field.server));
});
