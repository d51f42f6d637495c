/** Keeps id and key of a run in a file, so that a later step of the job can look at it or stop it. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { done, fail, type Outcome } from './failure.ts';

export interface RunHandle {
  readonly run: string;
  readonly runKey: string;
}

/** Only its owner can read it. A file that is there already is replaced, with its permissions. */
export function writeRunFile(cwd: string, file: string, { run, runKey }: RunHandle): Outcome<undefined> {
  const target = resolve(cwd, file);
  const draft = `${target}.${process.pid}.new`;
  try {
    writeFileSync(draft, `${JSON.stringify({ run, runKey })}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(draft, target);
    return done(undefined);
  } catch (error) {
    rmSync(draft, { force: true });
    return fail('E_SETTINGS', `\`--run-file\` cannot be written: ${codeOf(error)}: \`${file}\``);
  }
}

export function readRunFile(cwd: string, file: string): Outcome<RunHandle> {
  try {
    const body: unknown = JSON.parse(readFileSync(resolve(cwd, file), 'utf8'));
    if (isHandle(body)) return done({ run: body.run, runKey: body.runKey });
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      return fail('E_SETTINGS', `\`--run-file\` cannot be read: ${codeOf(error)}: \`${file}\``, runFileFix);
    }
  }
  return fail('E_SETTINGS', `\`--run-file\` does not hold a run: \`${file}\``, runFileFix);
}

const runFileFix = 'name a file that  infra-deployer --command … --run-file FILE  has written';

const isHandle = (body: unknown): body is RunHandle =>
  typeof body === 'object' &&
  body !== null &&
  'run' in body &&
  typeof body.run === 'string' &&
  'runKey' in body &&
  typeof body.runKey === 'string' &&
  /^[\x21-\x7e]+$/.test(body.runKey);

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason');
