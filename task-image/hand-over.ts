/** Gives a run's places to the user that Terraform runs as, and leaves the worker's own where they are. */
import { chmodSync, lchownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cliConfigFile } from './environment.ts';
import type { ToolUser } from './isolation.ts';

/** Before the tool runs for the first time: nothing below the places is hostile yet. */
export function handOver(runDir: string, places: readonly string[], { uid, gid }: ToolUser): void {
  for (const place of places) {
    lchownSync(place, uid, gid);
    const below = readdirSync(place, { withFileTypes: true, recursive: true });
    for (const { parentPath, name } of below) lchownSync(join(parentPath, name), uid, gid);
  }
  // To be passed through, not to be looked into.
  chmodSync(runDir, 0o711);
  chmodSync(cliConfigFile(runDir), 0o644);
}
