import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../deployer-cli/arguments.ts';

const parsed = (...argv: string[]) => {
  const result = parseArguments(argv);
  if (!result.ok) throw new Error(result.failure.message);
  const { command, flags, operand } = result.value;
  return { command: command.name, flags: Object.fromEntries(flags), ...(operand === undefined ? {} : { operand }) };
};

const refused = (...argv: string[]) => {
  const result = parseArguments(argv);
  if (result.ok) throw new Error('it was accepted');
  expect(result.failure.code).toBe('E_USAGE');
  return `${result.failure.message}; ${result.failure.fix}`;
};

describe('arguments', () => {
  test('are the main command without a word', () => {
    expect(parsed('--command', 'plan', '--path=prod/vpc', '--json')).toEqual({
      command: '',
      flags: { command: 'plan', path: 'prod/vpc', json: 'true' },
    });
  });

  test('find a sub-command before and after its flags', () => {
    const expected = { command: 'runs show', flags: { server: 'http://x' }, operand: 'r_1' };
    expect(parsed('runs', 'show', 'r_1', '--server', 'http://x')).toEqual(expected);
    expect(parsed('--server', 'http://x', 'runs', 'show', 'r_1')).toEqual(expected);
  });

  test('take -h for --help', () => {
    expect(parsed('runs', 'list', '-h')).toEqual({ command: 'runs list', flags: { help: 'true' } });
  });

  test.each([
    [['--pth', 'x'], 'there is no flag `--pth`; did you mean  --path'],
    [['--comand', 'plan'], 'there is no flag `--comand`; did you mean  --command'],
    [['--plan', 'r_1'], 'there is no flag `--plan`; did you mean  --plan-id'],
    [['--frobnicate'], 'there is no flag `--frobnicate`; see  infra-deployer --help'],
    [['-x'], 'there is no flag `-x`; see  infra-deployer --help'],
    [['runs', 'show', 'r_1', '--path', 'x'], '`runs show` has no flag `--path`; see  infra-deployer runs show --help'],
    [['--path'], '`--path` needs a value; write  --path PATH'],
    [['--path', '--ref', 'main'], '`--path` needs a value; write  --path PATH'],
    [['--json=false'], '`--json` takes no value; write  --json  alone'],
    [['--path', 'a', '--path', 'b'], '`--path` is there twice; say it once'],
    [['plan', '--path', 'x'], '`plan` is not a sub-command; write  infra-deployer --command plan --path PATH'],
    [['rnus'], 'there is no command `rnus`; did you mean  infra-deployer runs'],
    [['frobnicate'], 'there is no command `frobnicate`; see  infra-deployer --help'],
    [['runs'], '`runs` takes list, show, logs, cancel, not nothing; see  infra-deployer --help'],
    [['runs', 'shw'], '`runs` takes list, show, logs, cancel, not `shw`; did you mean  infra-deployer runs show'],
    [['runs', 'list', 'x'], '`runs list` does not take `x`; see  infra-deployer runs list --help'],
    [['runs', 'show', 'a', 'b'], '`runs show` does not take `b`; see  infra-deployer runs show --help'],
    [['completion'], '`completion` takes bash, zsh, fish, not nothing; see  infra-deployer completion --help'],
    [['completion', 'tcsh'], '`completion` takes bash, zsh, fish, not `tcsh`; see  infra-deployer completion --help'],
  ])('refuse %j', (argv, message) => {
    expect(refused(...argv)).toBe(message);
  });

  test('refuse a token without repeating it', () => {
    const message = refused('--token', 'very-secret');
    expect(message).toContain('INFRA_DEPLOYER_TOKEN');
    expect(message).not.toContain('very-secret');
  });

  test('know no names that every object has', () => {
    expect(refused('--constructor')).toContain('there is no flag');
    expect(refused('--__proto__', 'x')).toContain('there is no flag');
  });
});
