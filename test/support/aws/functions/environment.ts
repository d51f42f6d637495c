/** One execution environment of a function: a process, its Runtime API, and what it prints. */
import { startSandbox } from '../sandbox.ts';
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
  /** Called at least once, before an invocation that ends it is over. */
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
  const sandbox = startSandbox({
    command,
    env: { ...env, AWS_LAMBDA_RUNTIME_API: api.address },
    cwd: env.LAMBDA_TASK_ROOT,
    onOutput,
    onExit: onEnd,
    onEnd({ error, status, signal }) {
      ended = true;
      onEnd();
      api.close();
      const how = error?.message ?? (signal ? `signal: ${signal}` : `exit status ${status}`);
      fail(
        (initError && { payload: initError, functionError: 'Unhandled' }) ??
          api.posted() ??
          failure('Runtime.ExitError', `Runtime exited with error: ${how}`),
      );
    },
  });

  return {
    async invoke(invocation, timeoutSeconds) {
      if (ended) return failure('Runtime.ExitError', 'Runtime exited before it was invoked');
      const failed = new Promise<Outcome>(resolve => {
        fail = resolve;
      });
      const timer = setTimeout(() => {
        const message = `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`;
        // Given up before it is gone, so that nobody takes it for idle.
        ended = true;
        onEnd();
        sandbox.kill();
        fail(failure('Sandbox.Timedout', message, invocation.requestId));
      }, timeoutSeconds * 1000);
      const outcome = await Promise.race([api.invoke(invocation), failed]);
      clearTimeout(timer);
      return outcome;
    },
    end: sandbox.kill,
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
