/** Learns from the worker program, once, how it will keep Terraform from this server's own, and tells whoever runs it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { FastifyBaseLogger } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const AnswerSchema = Type.Object({ kind: Type.Enum(['namespace', 'none']), why: Type.Optional(Type.String()) });

/** Rejects when the worker cannot say: then no run starts. */
export async function isolationOf(
  workerEntry: string,
  path: string,
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>,
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [workerEntry, 'isolation'], {
      env: { PATH: path, LANG: 'C.UTF-8' },
      timeout: 30_000,
    });
    const answer: unknown = JSON.parse(stdout);
    if (!Value.Check(AnswerSchema, answer)) throw new Error(`it says ${stdout}`);
    const { kind, why } = answer;
    if (kind === 'none')
      log.warn(
        { why },
        'Terraform is not isolated: planned code can read what this server can; fix: install bubblewrap 0.8 or newer, and allow this user to make user namespaces',
      );
    else log.info('Terraform runs in namespaces of its own');
    if (process.getuid?.() === 0)
      log.warn(
        'this server runs as root, and so does planned code to whatever listens on a socket without a file; fix: run it as a user of its own',
      );
    return kind;
  } catch (error) {
    log.error({ err: error }, 'the worker cannot say how it isolates Terraform: no run can start');
    throw error;
  }
}
