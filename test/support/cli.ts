/** Runs the built CLI the way a CI job does: its own process, an environment of nothing but what the test gives. */
import { join } from 'node:path';
import { type CommandOptions, type Finished, run } from './command.ts';
import { cleanEnvironment } from './environment.ts';

/** Where the built programs are: what this run built for itself, or the project's dist/. */
export const dist = (): string => process.env.INFRA_DEPLOYER_DIST ?? join(import.meta.dirname, '..', '..', 'dist');

export function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: Omit<CommandOptions, 'env'> = {},
): Promise<Finished> {
  const program = join(dist(), 'infra-deployer.js');
  return run(process.execPath, [program, ...args], { ...options, env: cleanEnvironment(env) });
}
