import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands } from '../../deployer-cli/commands.ts';
import { completionScript } from '../../deployer-cli/completion.ts';
import { flags } from '../../deployer-cli/flags.ts';
import { run } from '../support/command.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whereIs } from '../support/where-is.ts';

/** What bash offers after the words, the last of which is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const file = join(temporaryDirectory('completion'), 'completion.bash');
  writeFileSync(file, completionScript('bash'));
  const script =
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _infra_deployer; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout, stderr } = await run('bash', ['--norc', '-c', script, 'bash', file, 'infra-deployer', ...words]);
  expect(stderr).toBe('');
  return stdout.split('\n').filter(line => line !== '');
}

describe('completion for bash', () => {
  test('offers sub-commands and the flags of the main command', async () => {
    const words = await offered('');
    expect(words).toEqual(expect.arrayContaining(['runs', 'completion', '--command', '--path', '--help']));
    expect(words).not.toContain('--follow');
  });

  test.each([
    [['--comm'], ['--command']],
    [
      ['--command', ''],
      ['plan', 'apply'],
    ],
    [['--command', 'p'], ['plan']],
    [['--command', 'plan', '--pat'], ['--path']],
    [['--ref', ''], []],
    [['ru'], ['runs']],
    [
      ['runs', ''],
      ['list', 'show', 'logs', 'cancel'],
    ],
    [['runs', 'logs', '--fo'], ['--follow']],
    [['runs', 'list', '--state', 'suc'], ['succeeded']],
    [['completion', 'z'], ['zsh']],
  ])('offers after %j what may follow', async (words, expected) => {
    expect(await offered(...words)).toEqual(expected);
  });

  test('offers after each command exactly its flags', async () => {
    for (const command of commands) {
      const words = command.name.split(' ').filter(word => word !== '');
      expect(await offered(...words, '--')).toEqual(command.flags.map(name => `--${name}`));
    }
  });

  test('offers the values of every flag that has some', async () => {
    for (const [name, { values }] of Object.entries(flags)) {
      if (values) expect(await offered(`--${name}`, '')).toEqual(values);
    }
  });
});

test('each script can be read by its shell, where the machine has it', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const file = join(temporaryDirectory('completion'), `completion.${shell}`);
    writeFileSync(file, completionScript(shell));
    if (whereIs(shell)) expect(await run(shell, ['-n', file])).toMatchObject({ status: 0, stderr: '' });
  }
});

test('the scripts for zsh and fish know every command, flag and value', () => {
  for (const shell of ['zsh', 'fish']) {
    const words = new Set(completionScript(shell).split(/[^\w-]+/));
    for (const { name, flags: names, operand } of commands) {
      const known = [
        ...name.split(' '),
        ...(operand?.values ?? []),
        ...names.flatMap(flag => flags[flag].values ?? []),
      ];
      for (const word of known.filter(part => part !== '')) expect(words).toContain(word);
      for (const flag of names) expect(words).toContain(shell === 'zsh' ? `--${flag}` : flag);
    }
  }
});
