/** The directories a run works in: made for it, and gone after it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { StackSettings } from '../policies/allowlist.ts';
import { cliConfig } from './cli-config.ts';
import { cliConfigFile, homeDir, planDir, temporaryDir, usersFile } from './environment.ts';
import { providerChoice } from './providers.ts';
import { insideId } from './sandbox.ts';

/** Where a run works. */
export interface Places {
  /** Its own, mode 0700, gone afterwards. Short: sockets lie below it. */
  readonly runDir: string;
  /** Fixed per repository and path: a saved plan holds absolute paths. */
  readonly cloneDir: string;
  /** Terraform's data directory, as fixed: a plan knows its downloaded modules by where they lie. */
  readonly dataDir: string;
  /** The state of stacks without a remote backend; absent where every stack must have one. */
  readonly stateFile?: string;
  /** Where git, ssh and Terraform are looked for. */
  readonly path: string;
  /** What is worth keeping from run to run, and may be lost; absent where nothing is. */
  readonly cacheDir?: string;
}

/** Clone and data directory empty, the rest as tools need it. */
export function prepare({ runDir, cloneDir, dataDir }: Places, settings: StackSettings): void {
  for (const directory of [cloneDir, dataDir]) rmSync(directory, { recursive: true, force: true });
  for (const directory of [runDir, homeDir(runDir), temporaryDir(runDir), dataDir, planDir(runDir)])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(cliConfigFile(runDir), cliConfig(providerChoice(settings)), { mode: 0o600 });
  writeFileSync(usersFile(runDir), `run:x:${insideId}:${insideId}::${homeDir(runDir)}:/bin/sh\n`, { mode: 0o600 });
}

export const planFile = (runDir: string): string => `${planDir(runDir)}/plan`;

export function clean(directories: readonly string[]): void {
  for (const directory of directories)
    try {
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // What cannot be removed here is the launcher's to remove.
    }
}
