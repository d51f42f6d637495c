import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planFile } from '../../task-image/places.ts';
import { providerMirror } from '../support/providers.ts';
import { requires } from '../support/requirements.ts';
import { toolOnPath } from '../support/terraform.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';

const password = 'resource "random_password" "x" {}\n';
const tools = (['terraform', 'tofu'] as const).filter(toolOnPath);

/** One that takes every password for a secret, and has to say so of a number that is none. */
const failing = (value: string) => `output "number" {
  value     = parseint(${value}, 10)
  sensitive = true
}
`;

describe.skipIf(requires('terraform', 'providers'))('a secret that an apply makes', { timeout: 60_000 }, () => {
  describe.each(tools)('with %s', binary => {
    const applied = async (text: string) => {
      const providers = { allow: ['hashicorp/*'], mirror: providerMirror };
      const tool = runningStack(
        { 'main.tf': password + text },
        { settings: { binary, providers, lockFile: 'generated' } },
      );
      const file = planFile(tool.runDir);
      await tool.init(fetchesNothing);
      await tool.plan(file);
      await tool.show(file);
      const before = tool.control.lines.length;
      const end = await tool.apply(file).then(
        () => 'applied',
        () => 'failed',
      );
      const state = [tool.stateFile, join(tool.cwd, 'errored.tfstate')].find(one => existsSync(one));
      const made = /"result": ?"(.+?)"/.exec(readFileSync(state ?? '', 'utf8'))?.[1] ?? '';
      expect(made).toHaveLength(26);
      const shown = tool.control.lines
        .slice(before)
        .join('\n')
        .replaceAll(/\u001b\[[0-9;]*m/g, '');
      expect(shown).toContain('random_password.x: Creation complete');
      return { end, shown, made };
    };

    test('is hidden where an output declares it harmless', async () => {
      const { end, shown, made } = await applied(
        'output "x" {\n  value = "<${nonsensitive(random_password.x.result)}>"\n}\n',
      );
      expect(end).toBe('applied');
      expect(shown).toContain('x = "<[masked]>"');
      expect(shown).not.toContain(made);
    });

    test('is hidden where a function repeats it in its error, and the error is shown', async () => {
      const { end, shown, made } = await applied(failing('random_password.x.result'));
      expect(end).toBe('failed');
      expect(shown).toMatch(/cannot parse[\s│]+"\[masked\]"/);
      expect(shown).not.toContain(made);
    });

    test('is not shown, nor any other result, when the state cannot be read', async () => {
      // Without its providers Terraform knows no state.
      const { shown, made } = await applied(`resource "terraform_data" "breaks" {
  input = random_password.x.id
  provisioner "local-exec" {
    command = "rm -rf $TF_DATA_DIR/providers"
  }
}
${failing('random_password.x.result')}`);
      expect(shown).toMatch(/\nThe results of this apply are not shown: [^\n]*$/);
      expect(shown).not.toContain(made);
      expect(shown).not.toContain('cannot parse');
    });
  });
});
