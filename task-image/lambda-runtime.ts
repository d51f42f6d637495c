/**
 * Speaks Lambda's Runtime API (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): one invocation at a time, as long
 * as the environment lives. AWS's own client is a native module, which is compiled when it is installed.
 */
import { type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface Invocation {
  /** The payload as it was sent. */
  readonly event: Buffer;
  /** When Lambda ends the environment, in milliseconds since 1970. */
  readonly deadline: number;
  /** Whom this environment is kept for, where the function isolates tenants. */
  readonly tenant?: string;
}

export type Handle = (invocation: Invocation) => Promise<object>;

/** Never returns. Rejects, after telling Lambda, when `begin` does, and when the Runtime API is not what it should be. */
export async function serve(api: string, begin: () => Promise<Handle>): Promise<never> {
  const call = caller(api);
  const handle = await begin().catch(async error => {
    await call('POST', 'init/error', told(error));
    throw error;
  });
  for (;;) {
    const { headers, body } = await call('GET', 'invocation/next');
    const id = encodeURIComponent(headerOf(headers, 'lambda-runtime-aws-request-id') ?? '');
    const tenant = headerOf(headers, 'lambda-runtime-aws-tenant-id');
    const deadline = Number(headerOf(headers, 'lambda-runtime-deadline-ms'));
    const invocation = { event: body, deadline, ...(tenant === undefined ? {} : { tenant }) };
    await handle(invocation).then(
      answer => call('POST', `invocation/${id}/response`, answer),
      error => call('POST', `invocation/${id}/error`, told(error)),
    );
  }
}

/** As Lambda shows it to whoever invoked the function; no stack. */
const told = (error: unknown) => ({
  errorType: error instanceof Error ? error.name : 'Error',
  errorMessage: error instanceof Error ? error.message : String(error),
});

const headerOf = (headers: IncomingHttpHeaders, name: string): string | undefined => headers[name]?.toString();

/** No timeout, no connection that is kept: between two invocations the environment is frozen, for hours even. */
function caller(api: string) {
  return async (method: 'GET' | 'POST', path: string, body?: object) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ headers: IncomingHttpHeaders; body: Buffer }>();
    const asked = request(`http://${api}/2018-06-01/runtime/${path}`, {
      method,
      agent: false,
      ...(body && { headers: { 'content-type': 'application/json' } }),
    });
    asked.on('error', reject).on('response', response => {
      const { statusCode = 0, headers } = response;
      buffer(response).then(
        answer =>
          statusCode < 300
            ? resolve({ headers, body: answer })
            : reject(new Error(`Lambda answers ${statusCode} to ${path}`)),
        reject,
      );
    });
    asked.end(body && JSON.stringify(body));
    return promise;
  };
}
