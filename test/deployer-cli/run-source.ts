/** Runs the CLI from its source, as its own process with nothing but the given environment. */
import { join } from 'node:path';
import { type CommandOptions, type Finished, run } from '../support/command.ts';
import { cleanEnvironment } from '../support/environment.ts';

const program = join(import.meta.dirname, '..', '..', 'deployer-cli', 'main.ts');

export function runSource(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: Omit<CommandOptions, 'env'> = {},
): Promise<Finished> {
  // Node 22.18 warns that it runs TypeScript; the bundle does not.
  const argv = ['--disable-warning=ExperimentalWarning', program, ...args];
  return run(process.execPath, argv, { timeoutMs: 15_000, ...options, env: cleanEnvironment(env) });
}
