/** From argv to an exit code: finds the command, gathers what was said, runs it, tells how it ended. */
import { parseArguments } from './arguments.ts';
import type { CliCommand } from './commands.ts';
import { exitCodeOfFailure } from './exit-code.ts';
import type { Outcome } from './failure.ts';
import { type FlagName, twinOf } from './flags.ts';
import { collectGiven, type Given, isOn } from './given.ts';
import type { Ending, Surroundings } from './invocation.ts';
import { openScreen, type Screen } from './screen.ts';

export async function cli(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, env } = surroundings;
  const parsed = parseArguments(argv);
  if (parsed.ok && parsed.value.flags.has('help')) {
    const { help } = await import('./help.ts');
    stdout.write(help(parsed.value.command));
    return 0;
  }
  if (parsed.ok && parsed.value.flags.has('version')) {
    const { version } = await import('../policies/contract/version.ts');
    stdout.write(`infra-deployer ${version}\n`);
    return 0;
  }

  const given = parsed.ok ? await gather(parsed.value.command, parsed.value.flags, surroundings) : parsed;
  // A mistake in what was said is told in the way that was asked for, too.
  const wants = (name: 'json' | 'no-color') =>
    given.ok ? given.value.has(name) : argv.includes(`--${name}`) || isOn(env[twinOf(name)]);
  const screen = openScreen({ ...surroundings, isJson: wants('json'), noColour: wants('no-color') });
  try {
    if (!parsed.ok || !given.ok) return await conclude(screen, { data: {}, ...(given.ok ? {} : given) });
    const { command, operand } = parsed.value;
    const act = await command.load();
    const invocation = { given: given.value, surroundings, screen, ...(operand === undefined ? {} : { operand }) };
    return await conclude(screen, await act(invocation));
  } catch (error) {
    // A defect of the CLI says nothing about the run: its exit code is not that of a run that failed.
    const failure = { code: 'E_CLI', message: `infra-deployer itself failed: ${String(error)}` };
    if (error instanceof Error) for (const line of error.stack?.split('\n') ?? []) screen.error(line);
    return await conclude(screen, { data: {}, failure });
  } finally {
    screen.close();
  }
}

async function gather(
  { flags: names }: CliCommand,
  flags: ReadonlyMap<FlagName, string>,
  { env, cwd }: Surroundings,
): Promise<Outcome<Given>> {
  if (!names.includes('config')) return collectGiven(names, flags, env);
  const { readConfigFile } = await import('./config-file.ts');
  const config = await readConfigFile(cwd, flags.get('config') ?? (env[twinOf('config')] || undefined));
  return config.ok ? collectGiven(names, flags, env, config.value) : config;
}

/** The last line that people see names exit code and error. */
async function conclude(screen: Screen, { data, failure, exitCode: said }: Ending): Promise<number> {
  const exitCode = said ?? (failure ? await exitCodeOfFailure(failure) : 0);
  if (failure) {
    const { problem } = await import('./render.ts');
    for (const line of problem(failure, exitCode, data.run)) screen.error(line);
  }
  if (screen.isJson) screen.data(`${JSON.stringify({ ...data, exitCode, ...(failure ? { error: failure } : {}) })}\n`);
  return exitCode;
}
