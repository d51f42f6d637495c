/** A small real HTTP server that plays Lambda's Invoke API, with a door behind it that speaks as a test tells it to; and STS. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Asked, type Reply, type Script, scriptedDoor, textOf } from './scripted-server.ts';

export interface Invoked {
  /** Decoded, with its qualifier. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly event: { readonly operation: string; readonly request: string; readonly [key: string]: unknown };
}

/** What AWS answers instead of the door; an error's type is its `name`. */
export interface Platform {
  readonly status: number;
  readonly name?: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AwsScript extends Script {
  /** Gets the attempt, counted from 0; `undefined` lets the door answer, 'silence' never answers. */
  readonly platform?: (attempt: number) => Platform | 'silence' | undefined;
  /** What STS says to a web identity token; the credentials it gives are those of `session`. */
  readonly sts?: (form: URLSearchParams) => Platform | undefined;
}

export interface ScriptedAws {
  readonly url: string;
  readonly invoked: Invoked[];
  /** What is set for the CLI. */
  readonly env: Readonly<Record<string, string>>;
  stop: () => Promise<void>;
}

/** The access key that STS hands out. */
export const session = 'ASIASESSION';

export async function scriptedAws(script: AwsScript = {}): Promise<ScriptedAws> {
  const [asked, invoked]: [Asked[], Invoked[]] = [[], []];
  const door = scriptedDoor(script, asked);

  const invoke = (operation: string, request: string): Reply | undefined => {
    const [method, path] = routeOf(operation, JSON.parse(request));
    asked.push({ method, path, token: undefined, body: request });
    return door(method, path);
  };
  const answer = async (request: IncomingMessage): Promise<Platform | 'silence' | undefined> => {
    const text = await textOf(request);
    const { url = '', headers } = request;
    if (!url.includes('/functions/')) {
      const form = new URLSearchParams(text);
      return script.sts?.(form) ?? { status: 200, body: assumed };
    }
    const event = JSON.parse(text);
    invoked.push({ path: decodeURIComponent(url), headers, event });
    const platform = script.platform?.(invoked.length - 1);
    if (platform) return platform;
    const reply = invoke(event.operation, event.request);
    return reply && { status: 200, body: reply };
  };

  const server = createServer(async (request, response) => {
    const said = await answer(request);
    if (said === 'silence') return;
    if (!said) return void request.socket.destroy();
    const { status, name, body, headers } = said;
    response.writeHead(status, { ...headers, ...(name === undefined ? {} : { 'x-amzn-errortype': name }) });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    invoked,
    env: {
      AWS_ENDPOINT_URL: url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret-access-key',
      ...nothingOfTheMachine,
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** No files of the machine, no metadata of the platform it may be on. */
export const nothingOfTheMachine = {
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
};

function routeOf(operation: string, { id, ...rest }: Record<string, string>): [method: string, path: string] {
  const query = `?${new URLSearchParams(rest)}`;
  switch (operation) {
    case 'createRun':
      return ['POST', '/v1/runs'];
    case 'getRun':
      return ['GET', `/v1/runs/${id}`];
    case 'getLogs':
      return ['GET', `/v1/runs/${id}/logs${query}`];
    case 'cancelRun':
      return ['POST', `/v1/runs/${id}/cancel`];
    case 'listRuns':
      return ['GET', `/v1/runs${query}`];
    default:
      return ['GET', '/'];
  }
}

const assumed = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>
      <AccessKeyId>${session}</AccessKeyId>
      <SecretAccessKey>secret</SecretAccessKey>
      <SessionToken>session-token</SessionToken>
      <Expiration>2099-01-01T00:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>`;
