/** What the CLI asks of a deploy server, whichever way it speaks to it. */
import type { RequestBody } from '../policies/contract/request.ts';
import type { Created, Logs, Run } from '../policies/contract/run.ts';
import type { Failure, Outcome } from './failure.ts';
import { functionAddress } from './function-address.ts';

export interface Transport {
  readonly create: (request: RequestBody) => Promise<Outcome<Created>>;
  readonly run: (id: string) => Promise<Outcome<Run>>;
  readonly logs: (id: string, cursor?: string, timeoutMs?: number) => Promise<Outcome<Logs>>;
  readonly cancel: (id: string) => Promise<Outcome<Run>>;
  /** The same server, asked with the key of a run; the signal of the connection no longer gives up what is under way. */
  readonly withKey: (runKey: string) => Transport;
  readonly list: (query: Readonly<Record<string, string>>) => Promise<Outcome<readonly Run[]>>;
}

/** `token` is a caller's token or the key of one run, where one is wanted; `signal` gives up whatever is under way. */
export interface Connection {
  readonly server: string;
  readonly token?: string;
  readonly signal?: AbortSignal;
}

/** Another transport, for another kind of server, is chosen here and nowhere else. */
export async function connect(connection: Connection): Promise<Transport> {
  const address = functionAddress(connection.server);
  if (address) {
    const { lambdaTransport } = await import('./lambda.ts');
    return lambdaTransport(connection, address);
  }
  const { httpTransport } = await import('./http.ts');
  return await httpTransport(connection);
}

/** The same again may go well: the server was away, or says that it cannot answer now. */
export const isPassing = ({ code, status }: Failure): boolean =>
  code === 'E_SERVER_AWAY' || status === 429 || (status ?? 0) >= 500;
