/** A named pipe that holds Terraform where a configuration reads it: a step that takes as long as a test wants. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface Pipe {
  /** A stack whose plan waits for this pipe. */
  readonly stack: string;
  /** Lets a reader go on, with nothing read; answers whether there was one. */
  letGo(): boolean;
}

export function newPipe(): Pipe {
  const file = join(temporaryDirectory('pipe'), 'p');
  execFileSync('mkfifo', [file]);
  return {
    stack: `output "x" {\n  value = file("${file}")\n}\n`,
    letGo: () => {
      try {
        closeSync(openSync(file, constants.O_WRONLY | constants.O_NONBLOCK));
        return true;
      } catch {
        // ENXIO: nobody reads.
        return false;
      }
    },
  };
}
