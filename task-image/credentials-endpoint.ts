/** Where Terraform's AWS SDK finds the credentials of its run: on loopback, for whoever knows the token. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Session } from '../policies/contract/worker.ts';

export interface CredentialsEndpoint {
  /** How an SDK finds it; in there is the token. */
  readonly environment: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
}

const path = '/credentials';

/**
 * The container credentials of AWS's SDKs. `session` is asked for every time, so it may change; undefined where there is
 * none now.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
export async function openCredentialsEndpoint(
  session: () => Promise<Session | undefined>,
  hide: (secret: string) => void,
): Promise<CredentialsEndpoint> {
  const token = randomBytes(32).toString('base64url');
  hide(token);
  const server = createServer(async (request, response) => {
    request.resume();
    const [status, body] = mayHave(request) ? containerCredentials(await session()) : notFor;
    response
      .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** The host too: a name that somebody lets point to this machine is not it. */
  const mayHave = ({ method, url, headers }: IncomingMessage): boolean =>
    method === 'GET' && url === path && headers.host === host && isSame(headers.authorization ?? '', token);

  return {
    environment: {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${host}${path}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

type Answer = readonly [status: number, body: object];

const notFor: Answer = [403, { code: 'AccessDenied', message: 'this is not for you' }];
const notNow: Answer = [503, { code: 'Unavailable', message: 'the credentials could not be renewed' }];

function containerCredentials(session: Session | undefined): Answer {
  if (session === undefined) return notNow;
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = session;
  return [
    200,
    { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration: expiresAt },
  ];
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const isSame = (given: string, token: string): boolean => timingSafeEqual(digest(given), digest(token));
