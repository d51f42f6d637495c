import { describe, expect, test } from 'vitest';
import { startPlane } from './embedded/start-plane.ts';

describe('/openapi.json', () => {
  const document = async () => {
    const { url, stop } = await startPlane();
    const response = await fetch(`${url}/openapi.json`);
    await stop();
    return (await response.json()) as {
      openapi: string;
      paths: Record<string, Record<string, Operation>>;
    };
  };
  interface Operation {
    readonly summary?: string;
    readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
    readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: unknown } } };
    readonly responses: Record<
      string,
      { readonly content: { readonly 'application/json': { readonly schema: unknown } } }
    >;
  }

  test('describes every route, with its answers', async () => {
    const { openapi, paths } = await document();
    expect(openapi).toBe('3.1.0');
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => `${method} ${path} ${Object.keys(responses).join(' ')}`),
    );
    const worker = [
      'claim',
      'credentials',
      'errored-state',
      'heartbeat',
      'log',
      'source',
      'phase',
      'plan',
      'provider-cache',
      'finish',
    ];
    expect(operations.sort()).toEqual(
      [
        'post /v1/runs 202 4XX 5XX',
        'get /v1/runs 200 4XX 5XX',
        'get /v1/runs/{id} 200 4XX 5XX',
        'get /v1/runs/{id}/logs 200 4XX 5XX',
        'post /v1/runs/{id}/cancel 202 4XX 5XX',
        'post /v1/decisions 200 4XX 5XX',
        'get /v1/audit 200 4XX 5XX',
        'get /healthz 200 503',
        'get /plans/{planId} 200 4XX 5XX',
        'put /plans/{planId} 201 4XX 5XX',
        ...worker.map(operation => `post /worker/v1/${operation} 200 4XX 5XX`),
      ].sort(),
    );
    expect(paths['/v1/runs/{id}/logs']?.get?.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
      { name: 'cursor', in: 'query', required: false },
    ]);
  });

  test('has schemas that every reader of JSON Schema understands', async () => {
    const { paths } = await document();
    const types = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);
    let checked = 0;
    const check = (value: unknown, at: string): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        const here = `${at}.${key}`;
        if (!at.endsWith('.properties')) {
          expect(key.startsWith('~') || key === '$ref', here).toBe(false);
          if (key === 'type') expect(types.has(inner), here).toBe(true);
          if (key === 'pattern') expect(() => new RegExp(inner, 'u'), here).not.toThrow();
          if (key === 'required')
            expect(Object.keys('properties' in value ? (value.properties ?? {}) : {}), here).toEqual(
              expect.arrayContaining(inner),
            );
          checked += 1;
        }
        check(inner, here);
      }
    };
    for (const [path, methods] of Object.entries(paths))
      for (const { requestBody, responses } of Object.values(methods)) {
        check(requestBody?.content['application/json'].schema, `${path} body`);
        for (const [status, answer] of Object.entries(responses))
          check(answer.content['application/json'].schema, `${path} ${status}`);
      }
    expect(checked).toBeGreaterThan(500);
  });
});
