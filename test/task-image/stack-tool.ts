/** Terraform's steps on a stack of one file, as a worker runs them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StackSettings } from '../../policies/allowlist.ts';
import { cliConfig, cliConfigFile, temporaryDir } from '../../task-image/environment.ts';
import { terraform } from '../../task-image/terraform.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runDirectory, silentControl } from './parts.ts';

export function stackTool(text: string, differences: Partial<StackSettings> = {}) {
  const cwd = temporaryDirectory('stack');
  writeFileSync(join(cwd, 'main.tf'), text);
  const runDir = runDirectory();
  mkdirSync(temporaryDir(runDir));
  writeFileSync(cliConfigFile(runDir), cliConfig);
  const stateFile = join(temporaryDirectory('state'), 'x.tfstate');
  const control = silentControl();
  const settings: StackSettings = { binary: 'terraform', minutes: 30, planHours: 24, ...differences };
  const path = process.env.PATH ?? '/usr/bin:/bin';
  return { control, runDir, stateFile, ...terraform({ control, settings, cwd, runDir, path, stateFile }) };
}
