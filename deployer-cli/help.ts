/** The help of each command: examples first, then flags with their environment twins, then exit codes. */
import { type CliCommand, commands, mainCommand } from './commands.ts';
import { flags, twinOf } from './flags.ts';
import { columns } from './table.ts';

export function help(command: CliCommand): string {
  const isMain = command === mainCommand;
  const title = ['infra-deployer', command.name, operandOf(command)].filter(word => word !== '').join(' ');
  return [
    `${title}: ${command.summary}`,
    ...section('Examples', command.examples),
    ...(isMain ? section('Sub-commands', subCommands()) : []),
    ...section('Flags, and the variables that stand for them', flagRows(command)),
    ...(command.flags.includes('server') ? section('Tokens, by environment only', columns(tokenRows)) : []),
    ...(isMain ? section('Exit codes', columns(exitCodes)) : []),
    ...(isMain
      ? ['', 'A flag wins over its variable, this over .infra-deployer.yaml, this over what GitLab CI says.']
      : []),
    '',
  ].join('\n');
}

const section = (title: string, rows: readonly string[]) => ['', title, ...rows.map(row => `  ${row}`)];

const operandOf = ({ operand }: CliCommand) => operand?.values?.join('|') ?? operand?.name ?? '';

function subCommands(): string[] {
  const others = commands.filter(command => command !== mainCommand);
  return columns(
    others.map(command => [`${command.name} ${operandOf(command)}`.trim(), command.summary]),
    3,
  );
}

function flagRows(command: CliCommand): string[] {
  return columns(
    command.flags.map(name => {
      const { takes, help: text } = flags[name];
      const isAsked = name === 'help' || name === 'version';
      return [`--${name}${takes === undefined ? '' : ` ${takes}`}`, isAsked ? '' : twinOf(name), text];
    }),
  );
}

const tokenRows = [
  ['INFRA_DEPLOYER_ID_TOKEN', "who asks: the job's ID token (GitLab: `id_tokens:`)"],
  ['INFRA_DEPLOYER_TOKEN', "a token of the server's own machine; none for lambda:NAME"],
  ['…_FILE', 'of both: the file that holds it'],
  ['AWS_…', 'for lambda:NAME the credentials of AWS that may invoke it, as its own tools find them'],
];

const exitCodes = [
  ['0', 'done (a plan with changes too, unless --detailed-exitcode)'],
  ['1', 'the run failed, timed out, was lost, or was canceled by somebody else'],
  ['2', 'the plan has changes, only with --detailed-exitcode'],
  ['3', 'usage or configuration'],
  ['4', 'identity missing, expired or rejected, or not whom a rule is for'],
  ['5', 'denied by the policy, or refused by the worker before Terraform starts'],
  ['6', 'no plan that may be applied: missing, stale, used or expired'],
  ['7', 'stopped waiting; the run goes on'],
  ['8', 'the outcome is unknown: ask again with the same --request-id'],
  ['130, 143', 'canceled by SIGINT, SIGTERM'],
];
