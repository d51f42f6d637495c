import { mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { planFile } from '../../task-image/places.ts';
import { requires } from '../support/requirements.ts';
import { toolOnPath } from '../support/terraform.ts';
import { problemFrom } from './parts.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';

const secret = 'TOP/SECRET+value"1"';
const variable = `variable "secret" {
  sensitive = true
  default   = ${JSON.stringify(secret)}
}
`;
const colourless = (lines: readonly string[]) => lines.join('\n').replaceAll(/\u001b\[[0-9;]*m/g, '');
const tools = (['terraform', 'tofu'] as const).filter(toolOnPath);

describe.skipIf(requires('terraform'))('what a plan marks as sensitive', { timeout: 60_000 }, () => {
  describe.each(tools)('with %s', binary => {
    const planned = async (text: string) => {
      const tool = runningStack({ 'main.tf': variable + text }, { settings: { binary } });
      const file = planFile(tool.runDir);
      await tool.init(fetchesNothing);
      const problem = await tool.plan(file).then(
        () => undefined,
        () => 'failed',
      );
      return { ...tool, file, problem, shown: colourless(tool.control.lines) };
    };

    test('is hidden where a function repeats it in its error', async () => {
      const { problem, shown } = await planned(
        'resource "terraform_data" "x" {\n  input = parseint(var.secret, 10)\n}\n',
      );
      expect(problem).toBe('failed');
      expect(shown).toContain('cannot parse "[masked]"');
      expect(shown).not.toContain(secret);
    });

    test('is hidden where it is declared harmless, in whatever form it is printed', async () => {
      const { problem, shown } = await planned(
        `locals {
  secret = nonsensitive(var.secret)
}
resource "terraform_data" "x" {
  input = { plain = local.secret, json = jsonencode([local.secret]), base64 = base64encode("1\${local.secret}"), url = urlencode(local.secret) }
}
output "x" {
  value = "<\${local.secret}>"
}
`,
      );
      expect(problem).toBeUndefined();
      expect(shown.match(/\[masked\]/g)?.length).toBeGreaterThanOrEqual(5);
      const inBase64 = Buffer.from(`1${secret}`).toString('base64').slice(2, 20);
      for (const form of ['TOP/SECRET', 'TOP%2FSECRET', inBase64]) expect(shown).not.toContain(form);
      expect(shown).toContain('Plan: 1 to add');
    });

    test('is hidden by an apply of the plan', async () => {
      const { file, apply, control } = await planned(
        `resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "printf '%s\\\\n' \\"$SAID\\""
    environment = { SAID = nonsensitive(var.secret) }
  }
}
`,
      );
      const before = control.lines.length;
      await apply(file);
      const shown = colourless(control.lines.slice(before));
      expect(shown).toContain('(local-exec): [masked]');
      expect(shown).not.toContain(secret);
    });

    test('is not shown, nor anything else of the plan, when it cannot be told what it is', async () => {
      const tool = runningStack(
        { 'main.tf': `${variable}output "x" {\n  value = nonsensitive(var.secret)\n}\n` },
        { settings: { binary } },
      );
      const file = planFile(tool.runDir);
      await tool.init(fetchesNothing);
      const before = tool.control.lines.length;
      // Something is there, so it may be a plan, and nobody can read it.
      mkdirSync(file);
      expect(await problemFrom(() => tool.plan(file))).toMatchObject({ code: 'E_PLAN' });
      expect(tool.control.lines.slice(before)).toEqual([]);
    });

    test('does not stop what a terminal would obey from being removed', async () => {
      const { shown, control } = await planned(
        `resource "terraform_data" "x" {
  input = "one\\n\\u001b]52;c;ZXZpbA==\\u0007two\\u001b[2Jthree\\u202e\\u200b\\nsection_start:1:x\\r\\u001b[0Kfour\\n"
  lifecycle {
    precondition {
      condition     = length(var.secret) < 3
      error_message = "section_start:1:hidden[collapsed=true]\\r\\u001b[0Kmessage of \${nonsensitive(var.secret)}"
    }
  }
}
`,
      );
      expect(shown).toContain('section-start:1:hidden[collapsed=true]message of [masked]');
      expect(control.lines.join('\n')).not.toMatch(
        /section_start|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u200b\u202e]|\u001b(?!\[[0-9;]*m)/,
      );
    });
  });
});
