#!/usr/bin/env node
/** The entry point: hands the process to the CLI. */
import { cli } from './cli.ts';
import type { Signal } from './exit-code.ts';

const signals: readonly Signal[] = ['SIGINT', 'SIGTERM'];

// Whoever closed the other end of a pipe (`| head`) wants no more output; the run and its exit code still matter.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', error => {
    if (!('code' in error && error.code === 'EPIPE')) throw error;
  });
}

process.exitCode = await cli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  onSignal: listener => {
    for (const signal of signals) process.on(signal, listener);
    return () => {
      for (const signal of signals) process.off(signal, listener);
    };
  },
  exit: code => process.exit(code),
});
