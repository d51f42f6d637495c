/** Describes the routes of a server as OpenAPI 3.1, from the very schemas the routes are checked with. */
import type { RouteOptions } from 'fastify';
import { version } from '../policies/contract/version.ts';

interface RouteSchema {
  readonly summary?: string;
  readonly body?: unknown;
  readonly params?: { readonly properties?: Record<string, unknown> };
  readonly querystring?: { readonly properties?: Record<string, unknown>; readonly required?: readonly string[] };
  readonly response?: Record<string, unknown>;
}

/** Collects routes as they are added; `document()` is the description of what was added so far. */
export function openApi() {
  const paths: Record<string, Record<string, unknown>> = {};
  return {
    add: (route: RouteOptions): void => {
      if (route.schema && 'hide' in route.schema) return;
      const methods = Array.isArray(route.method) ? route.method : [route.method];
      const path = route.url.replaceAll(/:(\w+)/g, '{$1}');
      // OpenAPI has no place for HEAD routes that only mirror a GET.
      for (const method of methods.filter(name => name !== 'HEAD'))
        paths[path] = { ...paths[path], [method.toLowerCase()]: operation((route.schema ?? {}) as RouteSchema) };
    },
    document: () => ({
      openapi: '3.1.0',
      info: { title: 'infra-deployer', version },
      paths,
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    }),
  };
}

function operation(schema: RouteSchema) {
  const required = schema.querystring?.required ?? [];
  const parameters = [
    ...Object.entries(schema.params?.properties ?? {}).map(([name, of]) => ({
      name,
      in: 'path',
      required: true,
      schema: of,
    })),
    ...Object.entries(schema.querystring?.properties ?? {}).map(([name, of]) => ({
      name,
      in: 'query',
      required: required.includes(name),
      schema: of,
    })),
  ];
  const responses = Object.fromEntries(
    Object.entries(schema.response ?? {}).map(([status, of]) => [
      status.toUpperCase(),
      { description: status, content: { 'application/json': { schema: of } } },
    ]),
  );
  return {
    ...(schema.summary === undefined ? {} : { summary: schema.summary }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(schema.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schema.body } } } }),
    responses,
  };
}
