/** Runs a program to its end and returns what it said; no shell, and no longer than its deadline. */
import { spawn } from 'node:child_process';
import { cleanEnvironment } from './environment.ts';

export interface Finished {
  readonly status: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly timeoutMs?: number;
  /** Called once the process runs, for tests that send it signals. */
  readonly onStart?: (pid: number) => void;
}

/** Never rejects because of an exit code; rejects when the program cannot be started or does not end in time. */
export function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const { cwd, env = cleanEnvironment(), input = '', timeoutMs = 60_000, onStart } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: 'pipe', ...(cwd !== undefined && { cwd }) });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that does not read its input closes it early; that is its right.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      const said = Buffer.concat([...stdout, ...stderr]).toString();
      reject(new Error(`${file} ${args.join(' ')} did not end within ${timeoutMs} ms: ${said}`));
    }, timeoutMs);
    child.on('spawn', () => child.pid !== undefined && onStart?.(child.pid));
    child.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({
        status: status ?? undefined,
        signal: signal ?? undefined,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
}

/** As `run`, for steps of a test's preparation: anything but success is an error. */
export async function mustRun(file: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const finished = await run(file, args, options);
  if (finished.status === 0) return finished;
  const end = finished.signal ?? `exit ${finished.status}`;
  throw new Error(`${file} ${args.join(' ')}: ${end}: ${finished.stderr}${finished.stdout}`);
}
