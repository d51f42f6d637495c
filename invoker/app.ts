/** Builds the HTTP side of the control plane: strict reading, declared answers, no default of Fastify that forgives. */

import type { IncomingHttpHeaders } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { maxBodyBytes } from '../policies/body.ts';
import type { Problem } from '../policies/contract/error.ts';
import { schemaRefusal } from '../policies/schema-problem.ts';
import { parseStrictJson } from '../policies/strict-json.ts';
import { answerError, DoorError, errorBody, statusOf, wrongMediaType } from './errors.ts';
import { openApi } from './openapi.ts';
import { newRequestId } from './secret.ts';

export type App = FastifyInstance<
  import('node:http').Server,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, for the audit trail of what could not be read. */
    rawBody?: Buffer;
  }
}

export function buildApp(logger: NonNullable<FastifyServerOptions['logger']>): App {
  const app: App = Fastify({
    logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBodyBytes,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 30_000,
    genReqId: newRequestId,
    // Nothing a client names may become our id for a request.
    requestIdHeader: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 128 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return;
      const { status, problem } = unreadable(error.code);
      const body = JSON.stringify(errorBody(problem, 'none'));
      const head = [
        `HTTP/1.1 ${status}`,
        'content-type: application/json',
        `content-length: ${Buffer.byteLength(body)}`,
      ];
      socket.end([...head, 'connection: close', '', body].join('\r\n'));
    },
  });

  // One compiled schema for bodies here, in direct invocations and in the worker: TypeBox's own, never coercing.
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const compiled = Compile(schema as TSchema);
    return (value: unknown) =>
      compiled.Check(value)
        ? { value }
        : {
            error: new DoorError(
              schemaRefusal(
                schema as TSchema,
                compiled.Errors(value),
                httpPart === 'body' ? 'the body' : 'the address',
              ),
            ),
          };
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    request.rawBody = bytes;
    if (!isPlainJson(request.headers)) return done(new DoorError(wrongMediaType), undefined);
    // An empty body is no body: some clients name a content type for every POST.
    if (bytes.length === 0) return done(null, undefined);
    const parsed = parseStrictJson(bytes);
    if (parsed.ok) done(null, parsed.value);
    else done(new DoorError(parsed.problem), undefined);
  });

  app.setErrorHandler((error, request, reply) => answerError(error as DoorError, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const problem = { code: 'E_NOT_FOUND', message: 'there is nothing at this address' } as const;
    reply.code(statusOf(problem)).send(errorBody(problem, request.id));
  });

  const api = openApi();
  app.addHook('onRoute', route => api.add(route));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
  });
  app.get('/openapi.json', { schema: { hide: true } as object }, async () => api.document());
  return app;
}

/** Whoever believes headers that say otherwise would read other letters than we do. */
const isPlainJson = (headers: IncomingHttpHeaders): boolean =>
  headers['content-encoding'] === undefined &&
  /^chunked$/i.test(headers['transfer-encoding'] ?? 'chunked') &&
  /^application\/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?$/i.test(headers['content-type'] ?? '');

/** What never got as far as a request. The only header that callers make long is the one with their token. */
const unreadable = (code: string): { status: string; problem: Problem } =>
  code === 'HPE_HEADER_OVERFLOW'
    ? {
        status: '431 Request Header Fields Too Large',
        problem: {
          code: 'E_TOKEN_TOO_LARGE',
          message: 'the headers are too large',
          fix: 'an ID token has 8 KiB at most',
        },
      }
    : { status: '400 Bad Request', problem: { code: 'E_BAD_REQUEST', message: 'this is not HTTP' } };
