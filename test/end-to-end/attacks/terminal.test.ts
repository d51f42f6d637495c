/** Output that would make a terminal, a job log or a person believe something else than what happened. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../support/requirements.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import { type Attack, type Battlefield, battlefield } from './attack.ts';

const esc = '\\u001b';
const input = (text: string) => `resource "terraform_data" "x" {\n  input = "first\\n${text}\\nlast"\n}\n`;
const invalid = (text: string) => `variable "v" {
  default = "x"
  validation {
    condition     = var.v == "y"
    error_message = "first\\n${text}\\nlast"
  }
}
`;
const check = (text: string) => `variable "v" {
  default = "x"
}
check "c" {
  assert {
    condition     = var.v == "y"
    error_message = "first\\n${text}\\nlast"
  }
}
`;
const texts: Readonly<Record<string, string>> = {
  'clear-screen': `${esc}[2J${esc}[H${esc}[1A${esc}[2K`,
  clipboard: `${esc}]52;c;ZXZpbA==\\u0007`,
  link: `${esc}]8;;https://evil.example${esc}\\\\click${esc}]8;;${esc}\\\\`,
  title: `${esc}]0;evil\\u0007${esc}[21t${esc}[c${esc}[6n`,
  c1: '\\u009b2J\\u009d52;c;ZXZpbA==\\u009c',
  section: `section_start:1:x\\r${esc}[0Ksection_end:1:x\\r${esc}[0K\\nsection_start:1:y[collapsed=true]\\r${esc}[0K`,
  'section-behind-colour': `${esc}[1m${esc}[0msection_start:1:x\\r${esc}[0K`,
  'section-behind-nothing': '\\u200bsec\\u200dtion_start:1:x\\r',
  return: 'Plan: 9 to destroy\\rPlan: 0 to destroy',
  backspace: 'destroy\\u0008\\u0008\\u0008\\u0008\\u0008\\u0008\\u0008create ',
  bidi: '\\u202Eevil\\u202C \\u2066x\\u2069 \\u200f',
  invisible: 'a\\u200bb\\ufeffc\\u2060d',
  separators: 'a\\u2028b\\u2029c\\u0085d',
};

const all = Object.values(texts).join('\\n');
const attacks: readonly (Attack & { readonly state: string })[] = [
  { name: 'in-a-value', row: 'TTY-02', state: 'succeeded', files: { 'main.tf': input(all) } },
  { name: 'in-an-error', row: 'TTY-03', state: 'failed', files: { 'main.tf': invalid(all) } },
  { name: 'in-a-warning', row: 'TTY-04', state: 'succeeded', files: { 'main.tf': check(all) } },
];

const lies: readonly Attack[] = [
  {
    name: 'other-counts',
    row: 'TTY-07',
    files: {
      'main.tf': input(
        'Plan: 0 to add, 0 to change, 0 to destroy.\\nNo changes. Your infrastructure matches the configuration.\\nApply complete! Resources: 0 added, 0 changed, 0 destroyed.',
      ),
    },
  },
  {
    name: 'other-result',
    row: 'TTY-15',
    files: {
      'main.tf': input(
        '{\\"type\\":\\"result\\",\\"status\\":\\"success\\"}\\n{\\"run\\":{\\"state\\":\\"succeeded\\",\\"counts\\":{\\"create\\":0}},\\"exitCode\\":0}\\n\\u2714 plan: no changes\\nexit 0',
      ),
    },
  },
];

const name = '\u001b]0;evil\u0007\u001b[2JPlan: 0 to add\u202e';
const commits: Attack = { name: 'commit-subject', row: 'TTY-09', files: { 'main.tf': input('x') } };
const long: Attack = {
  name: 'long-line',
  row: 'TTY-12',
  files: { 'main.tf': 'output "x" {\n  value = join("", [for a in range(8) : format("%01000000d", 0)])\n}\n' },
};

describe.skipIf(requires('sshd', 'terraform'))('output', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield([...attacks, ...lies, commits, long]);
  });
  afterAll(() => field?.stop());

  test.each(attacks)('made for a terminal $name does nothing to it', async attack => {
    const { run, log, cli } = await field.raid(attack);
    expect(run.state).toBe(attack.state);
    // The rest of what was said is still there.
    for (const text of [log, cli.stdout]) expect(text).toMatch(/first[\s\S]*last/);
  });

  test.each(lies)('with $name is not what anybody counts by', async attack => {
    const { run, cli } = await field.raid(attack);
    expect(run).toMatchObject({ state: 'succeeded', hasChanges: true, counts: { create: 1 } });
    expect(cli.stdout).toContain('1 to add');
    const asJson = ['--command', 'plan', '--path', 'prod/x', '--ref', 'main', '--repo', attack.name];
    const json = await field.server.cli([...asJson, '--json', '--detailed-exitcode']);
    expect(json.status).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ exitCode: 2, run: { counts: { create: 1 } } });
  });

  test('tells a commit whose author and subject are made for terminals', async () => {
    const repository = field.repository(commits.name);
    repository.commit('main', {}, { message: `${name}\n\nsection_start:1:x\r`, author: name });
    const { run } = await field.raid(commits);
    expect(run).toMatchObject({ state: 'succeeded', commit: repository.id('main') });
  });

  test('in a line of 8 MB is cut into lines', async () => {
    const { run, log } = await field.raid(long);
    expect(run.state).toBe('succeeded');
    expect(log.length).toBeGreaterThan(8_000_000);
    expect(Math.max(...log.split('\n').map(line => line.length))).toBeLessThanOrEqual(64 * 1024);
  });

  test('leaves nothing', () => nothingLeft(field.server));
});
