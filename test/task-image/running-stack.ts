/** A stack in a directory of its own, and real Terraform on it as the worker runs it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type StackSettings, usualSettings } from '../../policies/allowlist.ts';
import type { Isolation } from '../../task-image/isolation.ts';
import type { Masker } from '../../task-image/masking/masker.ts';
import { prepare } from '../../task-image/places.ts';
import type { HttpsProxy } from '../../task-image/proxy.ts';
import { type Fetching, terraform } from '../../task-image/terraform.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runDirectory, silentControl, isolation as strongest } from './parts.ts';

export interface Surroundings {
  readonly settings?: Partial<StackSettings>;
  readonly command?: 'plan' | 'apply';
  readonly graceMs?: number;
  /** What the run may use. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly masker?: Masker;
  readonly proxy?: HttpsProxy;
  /** The strongest of this machine, unless given. */
  readonly isolation?: Isolation;
}

/** For the `init` of a stack whose modules lie beside it. */
export const fetchesNothing: Fetching = { environment: {}, paths: [] };

export function runningStack(files: Readonly<Record<string, string>>, surroundings: Surroundings = {}) {
  const cwd = temporaryDirectory('stack');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  const runDir = runDirectory();
  const stateFile = join(temporaryDirectory('state'), 'x.tfstate');
  const silent = silentControl();
  const { command = 'plan', environment = {}, masker = silent.masker, graceMs = silent.claimed.graceMs } = surroundings;
  const control = { ...silent, masker, claimed: { ...silent.claimed, command, graceMs }, graceMs: () => graceMs };
  const { isolation = strongest } = surroundings;
  const settings = { ...usualSettings, ...surroundings.settings };
  const path = process.env.PATH ?? '/usr/bin:/bin';
  const dataDir = join(runDir, 'd');
  prepare({ runDir, cloneDir: join(runDir, 'none'), dataDir, path }, settings);
  const { proxy } = surroundings;
  const places = { cwd, cloneDir: cwd, dataDir, runDir, path, stateFile, ...(proxy && { proxy }) };
  return {
    control,
    cwd,
    runDir,
    stateFile,
    ...terraform({ control, settings, isolation, environment, keepState: async () => {}, ...places }),
  };
}
