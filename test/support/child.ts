/** A program that a test keeps running: what it printed, when it is ready, and its end, with the test process at the latest. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface Child {
  readonly pid: number;
  /** Everything printed so far, both streams in order of arrival. */
  log(): string;
  /** Resolves with the match once the output matches; rejects when the program ends first or takes too long. */
  until(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Sends the signal and waits for the end; SIGKILL follows when the program ignores it for ten seconds. */
  end(signal: NodeJS.Signals): Promise<{ status: number | null; signal: NodeJS.Signals | null }>;
}

/** With `ownGroup` a ^C at the terminal does not reach it. */
export function startChild(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { ownGroup = false } = {},
): Child {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: ownGroup });
  const name = `${file} ${args.join(' ')}`;
  const output: Buffer[] = [];
  const log = () => Buffer.concat(output).toString();
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const ended = ending(child);
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  ended.then(
    () => process.off('exit', killWithUs),
    () => process.off('exit', killWithUs),
  );
  return {
    pid: child.pid ?? 0,
    log,
    until(pattern, timeoutMs = 10_000) {
      const ready = new Promise<RegExpExecArray>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`${name} did not print ${pattern} within ${timeoutMs} ms: ${log()}`));
        }, timeoutMs);
        const look = () => {
          const match = pattern.exec(log());
          if (!match) return;
          clearTimeout(timer);
          resolve(match);
        };
        for (const stream of [child.stdout, child.stderr]) stream.on('data', look);
        ended.finally(() => clearTimeout(timer)).catch(() => undefined);
        look();
      });
      const early = ended.then(({ status, signal }) => {
        throw new Error(`${name} ended (${signal ?? `exit ${status}`}) before it was ready: ${log()}`);
      });
      return Promise.race([ready, early]);
    },
    async end(signal) {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const end = await ended;
      clearTimeout(timer);
      return end;
    },
  };
}

function ending(child: ChildProcess): Promise<{ status: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    // `exit`, not `close`: a worker that outlives its server still holds the server's output.
    child.on('exit', (status, signal) => resolve({ status, signal }));
  });
}
