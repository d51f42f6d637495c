/** Reads argv by the tables of commands and flags; what is in neither is refused with the nearest known word. */
import { parseArgs } from 'node:util';
import { type CliCommand, commands, mainCommand } from './commands.ts';
import { done, fail, type Outcome } from './failure.ts';
import { type FlagName, flagNames, flags, isFlagName } from './flags.ts';
import { nearest } from './nearest.ts';

export interface Arguments {
  readonly command: CliCommand;
  /** A switch that is there holds `true`. */
  readonly flags: ReadonlyMap<FlagName, string>;
  readonly operand?: string;
}

export function parseArguments(argv: readonly string[]): Outcome<Arguments> {
  const tokens = tokensOf(argv);
  const words = tokens.flatMap(token => (token.kind === 'positional' ? [token.value] : []));
  const found = commandOf(words);
  // Flags are told first, since what looks like a command may be the value of one that was misspelt.
  const said = readFlags(tokens, found.ok ? found.value.command : mainCommand);
  if (!said.ok) return said;
  // `runs --help` asks which commands there are.
  if (!found.ok) return said.value.has('help') ? done({ command: mainCommand, flags: said.value }) : found;
  const { command, operand } = found.value;
  const foreign = [...said.value.keys()].find(name => !command.flags.includes(name));
  if (foreign !== undefined) return unknownFlag(`--${foreign}`, command);
  return done({ command, flags: said.value, ...(operand === undefined ? {} : { operand }) });
}

function tokensOf(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    // Its own strict mode knows neither which command a flag belongs to nor what somebody may have meant.
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      flagNames.map(name => [
        name,
        { type: flags[name].takes === undefined ? ('boolean' as const) : ('string' as const), ...shortOf(name) },
      ]),
    ),
  }).tokens;
}

function readFlags(tokens: ReturnType<typeof tokensOf>, command: CliCommand): Outcome<ReadonlyMap<FlagName, string>> {
  const said = new Map<FlagName, string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!isFlagName(name)) return unknownFlag(rawName, command);
    if (said.has(name)) return fail('E_USAGE', `\`${rawName}\` is there twice`, 'say it once');
    const { takes } = flags[name];
    if (takes === undefined && value !== undefined) {
      return fail('E_USAGE', `\`${rawName}\` takes no value`, `write  ${rawName}  alone`);
    }
    // `--path --ref x` has lost the value of --path; `--path=--ref` says what it means.
    if (takes !== undefined && (value === undefined || (value.startsWith('-') && !inlineValue))) {
      return fail('E_USAGE', `\`${rawName}\` needs a value`, `write  ${rawName} ${takes}`);
    }
    said.set(name, value ?? 'true');
  }
  return done(said);
}

const shortOf = (name: FlagName) => (name === 'help' ? { short: 'h' } : {});

function commandOf(words: readonly string[]): Outcome<{ command: CliCommand; operand?: string }> {
  const [first] = words;
  if (first === undefined) return done({ command: mainCommand });
  const command = commands.find(({ name }) => name !== '' && `${words.join(' ')} `.startsWith(`${name} `));
  if (!command) return unknownCommand(words);
  const [operand, extra] = words.slice(command.name.split(' ').length);
  const tooMany = command.operand ? extra : operand;
  if (tooMany !== undefined) {
    return fail('E_USAGE', `\`${command.name}\` does not take \`${tooMany}\``, helpFor(command));
  }
  const values = command.operand?.values;
  if (values && !values.includes(operand ?? '')) {
    const said = operand === undefined ? 'nothing' : `\`${operand}\``;
    return fail('E_USAGE', `\`${command.name}\` takes ${values.join(', ')}, not ${said}`, helpFor(command));
  }
  return done({ command, ...(operand === undefined ? {} : { operand }) });
}

function unknownCommand(words: readonly string[]) {
  const [first = '', second] = words;
  if (flags.command.values?.includes(first)) {
    return fail('E_USAGE', `\`${first}\` is not a sub-command`, `write  infra-deployer --command ${first} --path PATH`);
  }
  const children = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
  if (children.length > 0) {
    const meant = nearest(second ?? '', children);
    const said = second === undefined ? 'nothing' : `\`${second}\``;
    return fail(
      'E_USAGE',
      `\`${first}\` takes ${children.join(', ')}, not ${said}`,
      meant === undefined ? helpFor(mainCommand) : `did you mean  infra-deployer ${first} ${meant}`,
    );
  }
  const known = [...new Set(commands.flatMap(({ name }) => name.split(' ').slice(0, 1)))].filter(name => name !== '');
  const meant = nearest(first, known);
  return fail(
    'E_USAGE',
    `there is no command \`${first}\``,
    meant === undefined ? helpFor(mainCommand) : `did you mean  infra-deployer ${meant}`,
  );
}

function unknownFlag(rawName: string, command: CliCommand) {
  const name = rawName.replace(/^-+/, '');
  if (name === 'token' || name === 'id-token') {
    return fail('E_USAGE', 'a token is never a flag, since every process can read it there', tokenFix);
  }
  const meant = nearest(name, command.flags);
  return fail(
    'E_USAGE',
    command === mainCommand ? `there is no flag \`${rawName}\`` : `\`${command.name}\` has no flag \`${rawName}\``,
    meant === undefined ? helpFor(command) : `did you mean  --${meant}`,
  );
}

export const tokenFix =
  'set INFRA_DEPLOYER_ID_TOKEN or INFRA_DEPLOYER_TOKEN, or with _FILE behind it the file that holds it';

const helpFor = ({ name }: CliCommand) => `see  infra-deployer ${name === '' ? '' : `${name} `}--help`;
