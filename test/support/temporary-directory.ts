/** Makes the directories that tests work in; the test run removes them all at its end, with the directory around them. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The real path: macOS' temporary directory is a link, and tools print what it leads to. */
export function temporaryDirectory(name = 'd'): string {
  return mkdtempSync(join(realpathSync(tmpdir()), `${name}-`));
}
