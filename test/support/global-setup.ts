/** Once per test run: builds what the tests start, insists on the real parts in CI, keeps all temporary files in one place. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildFor } from './build.ts';
import { missingParts } from './requirements.ts';

let root: string | undefined;

export async function setup(): Promise<void> {
  // Says what it does and whether it could; the tests that want it say that it is missing.
  execFileSync(join(import.meta.dirname, 'aws', 'install-moto.sh'), { stdio: ['ignore', 'inherit', 'inherit'] });
  const missing = missingParts();
  if (missing.length > 0 && process.env.CI === 'true') {
    throw new Error(`CI runs every test, and here these parts are missing:\n  ${missing.join('\n  ')}`);
  }
  // Short, because the sockets of ssh and ssh-agent below it may have paths of about a hundred characters only.
  root = mkdtempSync(join(tmpdir(), 'idt-'));
  process.env.TMPDIR = root;
  await buildFor(root);
}

export function teardown(): void {
  if (root !== undefined) rmSync(root, { recursive: true, force: true, maxRetries: 3 });
}
