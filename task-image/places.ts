/** The directories a run works in: made for it, and gone after it. */
import { chmodSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { StackSettings } from '../policies/allowlist.ts';
import { cliConfig } from './cli-config.ts';
import { cliConfigFile, homeDir, planDir, temporaryDir, usersFile } from './environment.ts';
import { providerChoice } from './providers.ts';
import type { HttpsProxy } from './proxy.ts';
import { insideId } from './sandbox.ts';

/** Where a run works, and how Terraform gets out of there. */
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
  /** Absent where the network lets everything out that it lets out. */
  readonly proxy?: HttpsProxy;
  /** Around all of these, made with them; absent where the launcher has made a place for them. */
  readonly workDir?: string;
  /** What is worth keeping from run to run, and may be lost; absent where nothing is. */
  readonly cacheDir?: string;
}

/** Clone and data directory empty, the rest as tools need it. */
export function prepare({ workDir, runDir, cloneDir, dataDir }: Places, settings: StackSettings): void {
  if (workDir !== undefined) makeWorkDirectory(workDir);
  for (const directory of [cloneDir, dataDir]) rmSync(directory, { recursive: true, force: true });
  for (const directory of [runDir, homeDir(runDir), temporaryDir(runDir), dataDir, planDir(runDir)])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(cliConfigFile(runDir), cliConfig(providerChoice(settings)), { mode: 0o600 });
  writeFileSync(usersFile(runDir), `run:x:${insideId}:${insideId}::${homeDir(runDir)}:/bin/sh\n`, { mode: 0o600 });
}

/** /tmp is everybody's: who owns a directory right in there can put another one in its place. */
function makeWorkDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const found = lstatSync(directory);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) throw new Error(`${directory} is not the worker's own`);
  // To be passed through, not to be looked into.
  chmodSync(directory, 0o711);
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
