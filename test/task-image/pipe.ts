/** A named pipe that holds Terraform where a configuration reads it: a step that takes as long as a test wants. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface Pipe {
  /** A stack whose plan waits for this pipe. */
  readonly stack: string;
  /** The entry of `stacks` that lets a stack see the pipe: the gate refuses to read it, and of this machine's files a sandbox shows its mirror only. */
  readonly shown: {
    readonly paths: readonly string[];
    readonly providers: { readonly mirror: string };
    readonly gate: { readonly allow: readonly string[] };
  };
  /** Lets a reader go on, with nothing read; answers whether there was one. */
  letGo(): boolean;
}

export function newPipe(): Pipe {
  const mirror = temporaryDirectory('pipe');
  const file = join(mirror, 'p');
  execFileSync('mkfifo', [file]);
  return {
    stack: `output "x" {\n  value = file("${file}")\n}\n`,
    shown: { paths: ['**'], providers: { mirror }, gate: { allow: ['file-path'] } },
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
