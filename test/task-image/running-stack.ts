/** A stack in a directory of its own, and real Terraform on it as the worker runs it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type StackSettings, usualSettings } from '../../policies/allowlist.ts';
import { cliConfig, cliConfigFile, temporaryDir } from '../../task-image/environment.ts';
import { terraform } from '../../task-image/terraform.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runDirectory, silentControl } from './parts.ts';

export interface Surroundings {
  readonly settings?: Partial<StackSettings>;
  readonly command?: 'plan' | 'apply';
  readonly cliConfig?: string;
}

export function runningStack(files: Readonly<Record<string, string>>, surroundings: Surroundings = {}) {
  const cwd = temporaryDirectory('stack');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  const runDir = runDirectory();
  mkdirSync(temporaryDir(runDir));
  writeFileSync(cliConfigFile(runDir), surroundings.cliConfig ?? cliConfig);
  const stateFile = join(temporaryDirectory('state'), 'x.tfstate');
  const silent = silentControl();
  const control = { ...silent, claimed: { ...silent.claimed, command: surroundings.command ?? 'plan' } };
  const settings = { ...usualSettings, ...surroundings.settings };
  const path = process.env.PATH ?? '/usr/bin:/bin';
  return { control, cwd, runDir, stateFile, ...terraform({ control, settings, cwd, runDir, path, stateFile }) };
}
