/** One execution environment of a function: a process, its Runtime API, and what it prints. */
import { spawn } from 'node:child_process';
import { killTree } from '../process-tree.ts';
import { type Invocation, type Outcome, startRuntimeApi } from './runtime-api.ts';

export interface Environment {
  /** Takes one invocation at a time. A timeout, or its own end, is the end of the environment. */
  invoke(invocation: Invocation, timeoutSeconds: number): Promise<Outcome>;
  end(): void;
}

export interface EnvironmentOptions {
  readonly command: readonly string[];
  /** All that the process gets, besides the address of its Runtime API. */
  readonly env: Readonly<Record<string, string>>;
  onOutput(text: string): void;
  onEnd(): void;
}

export async function startEnvironment({ command, env, onOutput, onEnd }: EnvironmentOptions): Promise<Environment> {
  let fail: (outcome: Outcome) => void = () => undefined;
  let initError: Buffer | undefined;
  let ended = false;
  const api = await startRuntimeApi(error => {
    initError = error;
    fail({ payload: error, functionError: 'Unhandled' });
  });
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    env: { ...env, AWS_LAMBDA_RUNTIME_API: api.address },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(env.LAMBDA_TASK_ROOT !== undefined && { cwd: env.LAMBDA_TASK_ROOT }),
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => onOutput(chunk.toString()));
  const end = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killTree(child.pid);
  };
  const gone = (how: string) => {
    ended = true;
    onEnd();
    api.close();
    process.off('exit', end);
    fail(
      initError
        ? { payload: initError, functionError: 'Unhandled' }
        : failure('Runtime.ExitError', `Runtime exited with error: ${how}`),
    );
  };
  child.on('error', error => gone(error.message));
  child.on('exit', (status, signal) => gone(signal ? `signal: ${signal}` : `exit status ${status}`));
  process.once('exit', end);

  return {
    async invoke(invocation, timeoutSeconds) {
      if (ended) return failure('Runtime.ExitError', 'Runtime exited before it was invoked');
      const failed = new Promise<Outcome>(resolve => {
        fail = resolve;
      });
      const timer = setTimeout(() => {
        fail(
          failure(
            'Sandbox.Timedout',
            `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
            invocation.requestId,
          ),
        );
        end();
      }, timeoutSeconds * 1000);
      const outcome = await Promise.race([api.invoke(invocation), failed]);
      clearTimeout(timer);
      return outcome;
    },
    end,
  };
}

const failure = (errorType: string, message: string, requestId?: string): Outcome => ({
  payload: Buffer.from(
    JSON.stringify({
      errorType,
      errorMessage: `${requestId === undefined ? '' : `RequestId: ${requestId} `}Error: ${message}`,
    }),
  ),
  functionError: 'Unhandled',
});
