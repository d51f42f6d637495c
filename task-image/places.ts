/** The directories a run works in: made for it, and gone after it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cliConfig, type ProviderSource } from './cli-config.ts';
import { cliConfigFile, dataDir, homeDir, planDir, temporaryDir, usersFile } from './environment.ts';
import { insideId } from './sandbox.ts';

/** Where a run works. */
export interface Places {
  /** Its own, mode 0700, gone afterwards. Short: sockets lie below it. */
  readonly runDir: string;
  /** Fixed per repository and path: a saved plan holds absolute paths. */
  readonly cloneDir: string;
  /** The state of stacks without a remote backend; absent where every stack must have one. */
  readonly stateFile?: string;
  /** Where git, ssh and Terraform are looked for. */
  readonly path: string;
}

/** The clone empty, the rest as tools need it. */
export function prepare({ runDir, cloneDir }: Places, providers: ProviderSource): void {
  rmSync(cloneDir, { recursive: true, force: true });
  for (const directory of [runDir, homeDir(runDir), temporaryDir(runDir), dataDir(runDir), planDir(runDir)])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(cliConfigFile(runDir), cliConfig(providers), { mode: 0o600 });
  writeFileSync(usersFile(runDir), `run:x:${insideId}:${insideId}::${homeDir(runDir)}:/bin/sh\n`, { mode: 0o600 });
}

export const planFile = (runDir: string): string => `${planDir(runDir)}/plan`;

/** Where Terraform puts a state that its backend does not take. */
export const erroredState = (cwd: string): string => `${cwd}/errored.tfstate`;

export function clean(directories: readonly string[]): void {
  for (const directory of directories)
    try {
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // What cannot be removed here is the launcher's to remove.
    }
}
