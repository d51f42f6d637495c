/** The directories a run works in: made for it, and gone after it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cliConfig, cliConfigFile, dataDir, homeDir, temporaryDir } from './environment.ts';

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
  /** What is worth keeping from run to run, and may be lost; absent where nothing is. */
  readonly cacheDir?: string;
}

/** The clone empty, the rest as tools need it. */
export function prepare({ runDir, cloneDir }: Places): void {
  rmSync(cloneDir, { recursive: true, force: true });
  for (const directory of [runDir, homeDir(runDir), temporaryDir(runDir), dataDir(runDir)])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(cliConfigFile(runDir), cliConfig, { mode: 0o600 });
}

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
