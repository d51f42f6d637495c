/** What would use up the machine: ended at its limit, with everything it started, and the next run goes on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addGitBomb } from '../../support/git-bomb.ts';
import { lockFile } from '../../support/providers.ts';
import type { Files } from '../../support/repository.ts';
import { requires } from '../../support/requirements.ts';
import { nothingLeft } from '../../task-image/stage.ts';
import { type Attack, type Battlefield, battlefield, refusedByTheGate } from './attack.ts';
import { external } from './looter.ts';

/** Bounded in themselves: a test that finds no limit must not take the machine with it. */
const script = (text: string, limits: object): Pick<Attack, 'files' | 'stack'> => ({
  files: () => ({ 'main.tf': external, 'loot.sh': text, '.terraform.lock.hcl': lockFile('external') }),
  stack: { gate: { allow: ['external-data'] }, limits },
});
const wide = 'output "x" {\n  value = [for a in range(1000) : format("%020000d", a)]\n}\n';

const limited: readonly (Attack & { readonly key: string })[] = [
  {
    name: 'forks',
    key: 'processes',
    ...script('for i in $(seq 300); do sleep 60 & done\nwait\n', { processes: 100 }),
  },
  { name: 'memory', key: 'memory_mb', ...script('head -c 2G /dev/zero | tail | tail\n', { memory_mb: 500 }) },
  { name: 'disk', key: 'disk_mb', ...script('head -c 300M /dev/zero >"$TMPDIR/x"\nsleep 60\n', { disk_mb: 60 }) },
  {
    name: 'disk-in-the-clone',
    key: 'disk_mb',
    ...script('for i in $(seq 300); do head -c 1M /dev/zero >x$i; done\nsleep 60\n', { disk_mb: 60 }),
  },
  {
    name: 'expression',
    row: 'DOS-12',
    key: 'memory_mb',
    files: { 'main.tf': 'output "x" {\n  value = length([for a in range(1000) : format("%01000000d", a)])\n}\n' },
    stack: { limits: { memory_mb: 400 } },
  },
  { name: 'output', row: 'DOS-08', key: 'output_mb', files: { 'main.tf': wide }, stack: { limits: { output_mb: 4 } } },
];

/** Ten million files, once all of it is to be checked out: already their list is too much. */
const tree: Attack = {
  name: 'tree',
  row: 'DOS-09',
  files: { 'main.tf': 'locals {\n  x = file("${path.module}/../../README.md")\n}\n' },
  stack: { limits: { memory_mb: 300 } },
};

const deep = (open: string, close: string) => `locals {\n  x = ${open.repeat(100_000)}${close.repeat(100_000)}\n}\n`;
const unreadable: readonly (Attack & { readonly files: Files })[] = [
  { name: 'deep-list', row: 'DOS-13', files: { 'main.tf': deep('[', ']') } },
  { name: 'deep-parentheses', files: { 'main.tf': deep('(', ')') } },
  { name: 'deep-blocks', files: { 'main.tf': `${'a {\n'.repeat(50_000)}${'}\n'.repeat(50_000)}` } },
  { name: 'deep-templates', files: { 'main.tf': deep(`"\${`, '}"') } },
  { name: 'deep-json', files: { 'main.tf.json': `{"locals": ${'{"x": '.repeat(50_000)}1${'}'.repeat(50_000)}}` } },
  { name: 'not-text', files: { 'main.tf': 'locals {\n  x = "\0"\n' } },
  { name: 'huge-file', files: { 'main.tf': `locals {\n  x = 1\n}\n${'# comment\n'.repeat(3_000_000)}` } },
];

describe.skipIf(requires('sshd', 'terraform', 'providers'))('a bomb', { timeout: 60_000 }, () => {
  let field: Battlefield;
  beforeAll(async () => {
    field = await battlefield([...limited, ...unreadable, tree]);
    addGitBomb(field.repository(tree.name), 'main');
  });
  afterAll(() => field?.stop());

  test('of git ends at `limits.memory_mb`, before anything of it runs', async () => {
    const { run } = await field.raid(tree);
    expect(run).toMatchObject({ state: 'failed', phase: 'source', error: { code: 'E_LIMIT' } });
    expect(run.error?.fix).toContain('`limits.memory_mb`');
    await nothingLeft(field.server);
  });

  test.each(limited)('of $name ends at `limits.$key`', async attack => {
    const { run } = await field.raid(attack);
    expect(run).toMatchObject({ state: 'failed', error: { code: 'E_LIMIT' } });
    expect(run.error?.fix).toContain(attack.key);
    await nothingLeft(field.server);
  });

  test.each(unreadable)('of $name is refused before Terraform starts', attack =>
    refusedByTheGate(field, attack, 'unparsable'),
  );

  test('leaves nothing', () => nothingLeft(field.server));
});
