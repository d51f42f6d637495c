/** Speaks to a deploy server over HTTP: one request, one answer, a deadline for each, no redirect followed. */
import type { Agent, ClientRequest, IncomingMessage, RequestOptions, request } from 'node:http';
import { isCreated, isLogs, isRun, isRunList } from './answer.ts';
import { formatDuration } from './duration.ts';
import { done, fail, type Outcome } from './failure.ts';
import { networkReason } from './network-reason.ts';
import { parseAnswer, readAnswer } from './read-answer.ts';
import type { Connection, Transport } from './transport.ts';

const answerMs = 10_000;
const cancelMs = 3_000;
/** Answers stay under 1 MB by contract; escaped, they may be longer. */
const longestAnswer = 8 * 1024 * 1024;

type Method = 'GET' | 'POST';

export async function httpTransport(connection: Connection): Promise<Transport> {
  const http = connection.server.startsWith('https:') ? await import('node:https') : await import('node:http');
  return transport(connection, http.request, new http.Agent({ keepAlive: true }));
}

function transport({ server, token, signal }: Connection, open: typeof request, agent: Agent): Transport {
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
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        accept: 'application/json',
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
    };
    try {
      const { status, text: answer } = await exchange(open(`${server}${path}`, options), text);
      return readAnswer({ server, status, body: parseAnswer(answer), fix: lookFix(server) }, isExpected);
    } catch (error) {
      const why = deadline.aborted ? `no answer within ${formatDuration(timeoutMs)}` : networkReason(error);
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
    withKey: runKey => transport({ server, token: runKey }, open, agent),
    list: async query => {
      const listed = await ask('GET', `/v1/runs?${new URLSearchParams(query)}`, isRunList);
      return listed.ok ? done(listed.value.runs) : listed;
    },
  };
}

async function exchange(request: ClientRequest, body?: string): Promise<{ status: number; text: string }> {
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

const lookFix = (server: string) => `see whether it is there:  curl ${server}/healthz`;
