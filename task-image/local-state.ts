/** The state of a stack that has no backend: a file of this machine's, which outlives the clone. */
import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from './failure.ts';
import { megabyte } from './limits.ts';
import { mostBytes, readIfThere } from './read-file.ts';

export interface LocalState {
  /** What a sandbox must show of it. */
  readonly shown: () => readonly string[];
  /** Call it before an apply: keeps the state that there is. */
  readonly keepBefore: () => Promise<void>;
  readonly read: () => string | undefined;
}

/** Lays a link to the file where Terraform's implicit backend writes, through it and in place; `-state` is deprecated. */
export function localState(file: string, cwd: string): LocalState {
  symlinkSync(file, join(cwd, 'terraform.tfstate'));
  return {
    shown: () => (existsSync(file) ? [file] : []),
    keepBefore: async () => {
      if (existsSync(file)) await keepBeside(file);
      // A sandbox can only show a file that is there.
      else writeFileSync(file, '', { mode: 0o600 });
    },
    read: () => readIfThere(file),
  };
}

async function keepBeside(file: string): Promise<void> {
  // What was applied before may have made it a file with holes, which a copy fills.
  if (statSync(file).size > mostBytes)
    throw new Failure(
      'E_APPLY',
      `the state of this path has more than ${mostBytes / megabyte} MiB`,
      'have an admin look at it in `state/` of the data directory: the one before lies beside it, named `….backup`',
    );
  await copyFile(file, `${file}.backup`);
}
