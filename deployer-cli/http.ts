/** Speaks to a deploy server over HTTP: one request, one answer, a deadline for each, no redirect followed. */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { printable, withoutColour } from '../policies/printable.ts';
import { isCreated, isErrorBody, isLogs, isRun, isRunList } from './answer.ts';
import { formatDuration } from './duration.ts';
import { done, type Failure, fail, type Outcome } from './failure.ts';
import type { Connection, Transport } from './transport.ts';

const answerMs = 10_000;
const cancelMs = 3_000;
/** Answers stay under 1 MB by contract; escaped, they may be longer. */
const longestAnswer = 8 * 1024 * 1024;

type Method = 'GET' | 'POST';

export async function httpTransport({ server, token, signal }: Connection): Promise<Transport> {
  const http = server.startsWith('https:') ? await import('node:https') : await import('node:http');
  const agent = new http.Agent({ keepAlive: true });

  async function ask<T>(
    method: Method,
    path: string,
    isExpected: (body: unknown) => body is T,
    { body, timeoutMs = answerMs }: { body?: object; timeoutMs?: number } = {},
  ): Promise<Outcome<T>> {
    const text = body && JSON.stringify(body);
    const deadline = AbortSignal.timeout(Math.ceil(timeoutMs));
    const options: RequestOptions = {
      method,
      agent,
      signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
    };
    try {
      const answer = await exchange(http.request(`${server}${path}`, options), text);
      return read(server, answer, isExpected);
    } catch (error) {
      const why = deadline.aborted ? `no answer within ${formatDuration(timeoutMs)}` : reasonOf(error);
      return fail('E_SERVER_AWAY', `the server at ${server} does not answer: ${why}`, lookFix(server));
    }
  }

  const at = (id: string, rest = '') => `/v1/runs/${encodeURIComponent(id)}${rest}`;
  return {
    create: body => ask('POST', '/v1/runs', isCreated, { body }),
    run: id => ask('GET', at(id), isRun),
    logs: (id, cursor, timeoutMs = answerMs) => {
      const query = cursor === undefined ? '' : `?${new URLSearchParams({ cursor })}`;
      return ask('GET', at(id, `/logs${query}`), isLogs, { timeoutMs: Math.min(timeoutMs, answerMs) });
    },
    cancel: id => ask('POST', at(id, '/cancel'), isRun, { timeoutMs: cancelMs }),
    list: async query => {
      const listed = await ask('GET', `/v1/runs?${new URLSearchParams(query)}`, isRunList);
      return listed.ok ? done(listed.value.runs) : listed;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function exchange(request: ClientRequest, body?: string): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject).end(body);
  });
  // An abort while the body is read arrives at the response; at the request nobody waits for it any more.
  request.on('error', () => {});
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk;
    if (text.length > longestAnswer) {
      request.destroy();
      throw new Error('its answer is too long');
    }
  }
  return { status: response.statusCode ?? 0, text };
}

function read<T>(server: string, { status, text }: Answer, isExpected: (body: unknown) => body is T): Outcome<T> {
  const body = parse(text);
  if (status >= 200 && status < 300 && isExpected(body)) return done(body);
  if (status >= 400 && isErrorBody(body)) {
    const { code, message, fix, requestId, details } = body.error;
    const failure: Failure = {
      code,
      message,
      ...(fix === undefined ? {} : { fix }),
      ...(details?.reasons ? { reasons: details.reasons } : {}),
      requestId,
      status,
    };
    return { ok: false, failure };
  }
  const what = status >= 300 && status < 400 ? ' (a redirect, which is not followed)' : '';
  const message = `${server} answered ${status}${what}, and not as an infra-deployer server does`;
  return { ok: false, failure: { code: 'E_BAD_ANSWER', message, fix: lookFix(server), status } };
}

/** Everything the server sends is cleaned here, once: colours stay in the lines of the log only. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text, (key, value) => {
      if (typeof value !== 'string') return value;
      return key === 'text' ? printable(value) : withoutColour(value.replaceAll(/[\r\n]+/g, ' '));
    });
  } catch {
    return undefined;
  }
}

const lookFix = (server: string) => `see whether it is there:  curl ${server}/healthz`;

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  const code = 'code' in error ? String(error.code) : '';
  return plainReasons.get(code) ?? (error.message || code);
}

const plainReasons: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'the connection was cut'],
  ['ENOTFOUND', 'there is no such host'],
  ['EAI_AGAIN', 'the host name cannot be looked up now'],
  ['EHOSTUNREACH', 'there is no way to this host'],
  ['ETIMEDOUT', 'no connection'],
]);
