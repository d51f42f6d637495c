/** Real Terraform for assertions: which of the tools are here, and a run in an environment built from nothing. */
import { type CommandOptions, type Finished, mustRun } from './command.ts';
import { terraformEnvironment } from './environment.ts';
import { whereIs } from './where-is.ts';

/** Why tests that need Terraform cannot run, or undefined when they can. */
export const terraformMissing = (): string | undefined =>
  whereIs('terraform') ? undefined : 'terraform is not on the PATH';

export const toolOnPath = (tool: 'terraform' | 'tofu' | 'terragrunt'): boolean => whereIs(tool) !== undefined;

/** Runs `terraform -chdir=DIR …`; anything but success is an error. */
export function terraform(dir: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  return mustRun('terraform', [`-chdir=${dir}`, ...args], { env: terraformEnvironment(), ...options });
}
