/** Completion scripts for bash, zsh and fish, made from the tables of commands and flags. */
import { type CliCommand, commands, mainCommand } from './commands.ts';
import { type FlagName, flagNames, flags } from './flags.ts';
import type { Ending, Invocation } from './invocation.ts';

export async function completion({ operand, surroundings }: Invocation): Promise<Ending> {
  surroundings.stdout.write(completionScript(operand ?? ''));
  return { data: {} };
}

export function completionScript(shell: string): string {
  if (shell === 'bash') return bash();
  return shell === 'zsh' ? zsh() : fish();
}

const others = commands.filter(command => command !== mainCommand);
const firstWords = [...new Set(others.map(({ name }) => name.split(' ')[0] ?? ''))];
const childrenOf = (word: string) => others.filter(({ name }) => name.startsWith(`${word} `));
const childName = ({ name }: CliCommand) => name.split(' ')[1] ?? '';
/** First words that take a second one, like `runs`. */
const parents = firstWords.filter(word => childrenOf(word).length > 0);

/** What may follow each command, and each first word of one: words with what they are for. */
function followers(): (readonly [string, readonly (readonly [string, string])[]])[] {
  const flagWords = ({ flags: names }: CliCommand) => names.map(name => [`--${name}`, flags[name].help] as const);
  const words = firstWords.map(word => [word, summaryOf(word)] as const);
  return [
    ['', [...words, ...flagWords(mainCommand)]],
    ...parents.map(word => [word, childrenOf(word).map(child => [childName(child), child.summary] as const)] as const),
    ...others.map(command => {
      const values = command.operand?.values?.map(value => [value, value] as const) ?? [];
      return [command.name, [...values, ...flagWords(command)]] as const;
    }),
  ];
}

const summaryOf = (word: string) =>
  others.find(({ name }) => name === word)?.summary ?? `${childrenOf(word).map(childName).join(', ')}`;

/** Lines of a `case` over the previous word: what the value of a flag may be. */
function valueCases(words: (values: readonly string[]) => string, files: string, directories: string): string[] {
  return flagNames.flatMap(name => {
    const { takes, values, completes } = flags[name];
    if (takes === undefined) return [];
    const action = values ? words(values) : completes === 'files' ? files : completes ? directories : '';
    return [`    --${name}) ${action === '' ? '' : `${action}; `}return ;;`];
  });
}

/** Finds the command in the words typed so far; the same in bash and zsh. */
const findCommand = [
  '    case "$command $word" in',
  ...firstWords.map(word => `      ' ${word}') command='${word}' ;;`),
  ...others.filter(({ name }) => name.includes(' ')).map(({ name }) => `      '${name}') command='${name}' ;;`),
  '    esac',
  '  done',
];

function bash(): string {
  return [
    '# bash completion for infra-deployer:  source <(infra-deployer completion bash)',
    '_infra_deployer() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} command= word words=',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    ...findCommand,
    '  COMPREPLY=()',
    '  case ${COMP_WORDS[COMP_CWORD-1]} in',
    ...valueCases(
      values => `COMPREPLY=($(compgen -W '${values.join(' ')}' -- "$current"))`,
      'COMPREPLY=($(compgen -f -- "$current"))',
      'COMPREPLY=($(compgen -d -- "$current"))',
    ),
    '  esac',
    '  case $command in',
    ...followers().map(([name, words]) => `    '${name}') words='${words.map(([word]) => word).join(' ')}' ;;`),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -F _infra_deployer infra-deployer',
    '',
  ].join('\n');
}

function zsh(): string {
  return [
    '#compdef infra-deployer',
    '# zsh completion for infra-deployer:  source <(infra-deployer completion zsh)',
    '_infra_deployer() {',
    "  local command='' word",
    '  local -a choices',
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    ...findCommand,
    '  case ${words[CURRENT-1]} in',
    ...valueCases(values => `compadd -- ${values.join(' ')}`, '_files', '_files -/'),
    '  esac',
    '  case $command in',
    ...followers().map(([name, words]) => {
      const choices = words.map(([word, text]) => quoted(`${word}:${text}`)).join(' ');
      return `    '${name}') choices=(${choices}) ;;`;
    }),
    '  esac',
    "  _describe 'infra-deployer' choices",
    '}',
    '# Sourced, it registers itself; found in fpath, it is the function.',
    'if [[ $funcstack[1] == _infra_deployer ]]; then _infra_deployer "$@"; else compdef _infra_deployer infra-deployer; fi',
    '',
  ].join('\n');
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function fish(): string {
  const seen = (word: string) => `__fish_seen_subcommand_from ${word}`;
  const line = (condition: string, rest: string) => `complete -c infra-deployer -n ${quoted(condition)} ${rest}`;
  const conditionOf = ({ name }: CliCommand) =>
    name === '' ? `not ${seen(firstWords.join(' '))}` : name.split(' ').map(seen).join('; and ');
  return [
    '# fish completion for infra-deployer:  infra-deployer completion fish | source',
    'complete -c infra-deployer -f',
    ...firstWords.map(word => line(conditionOf(mainCommand), `-a ${word} -d ${fishQuoted(summaryOf(word))}`)),
    ...parents.flatMap(parent => {
      const children = childrenOf(parent);
      const condition = `${seen(parent)}; and not ${seen(children.map(childName).join(' '))}`;
      return children.map(child => line(condition, `-a ${childName(child)} -d ${fishQuoted(child.summary)}`));
    }),
    ...commands.flatMap(command => {
      const values = command.operand?.values;
      return [
        ...(values ? [line(conditionOf(command), `-a ${fishQuoted(values.join(' '))}`)] : []),
        ...command.flags.map(name => line(conditionOf(command), fishFlag(name))),
      ];
    }),
    '',
  ].join('\n');
}

function fishFlag(name: FlagName): string {
  const { takes, values, completes, help } = flags[name];
  const kind = takes === undefined ? '' : completes ? ' -r -F' : ' -x';
  return `-l ${name}${kind}${values ? ` -a ${fishQuoted(values.join(' '))}` : ''} -d ${fishQuoted(help)}`;
}

/** fish escapes inside single quotes, unlike the other shells. */
const fishQuoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
