/** Real Terraform behind a proxy: what it asks for, by which way. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { proxyNamed } from '../../task-image/proxy.ts';
import { requires } from '../support/requirements.ts';
import { problemFrom } from './parts.ts';
import { fetchesNothing, runningStack } from './running-stack.ts';

describe.skipIf(requires('terraform'))('a proxy', { timeout: 60_000 }, () => {
  let server: Server;
  let url: string;
  let asked: string[];

  /** Lets nobody through; it is enough to know who wants where. */
  beforeAll(async () => {
    server = createServer().on('connect', ({ url }, socket) => {
      asked.push(url ?? '');
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    asked = [];
  });
  afterAll(() => server.close());

  /** There is no such host, so it takes a proxy to get there. */
  const provider = `terraform {
  required_providers {
    x = {
      source = "registry.invalid/acme/x"
    }
  }
}
`;
  const module = `module "x" {
  source = "git::https://git.invalid/acme/x.git?ref=v1.0.0"
}
`;
  const initialised = (text: string, proxied: object, environment = {}) => {
    const settings = { providers: { allow: ['registry.invalid/*/*'] } };
    const { init } = runningStack({ 'main.tf': text }, { settings, ...proxied });
    return problemFrom(() => init({ ...fetchesNothing, environment }));
  };

  test('is how Terraform asks a registry', async () => {
    expect(await initialised(provider, { proxy: proxyNamed(url) })).toMatchObject({ code: 'E_INIT' });
    expect(new Set(asked)).toEqual(new Set(['registry.invalid:443']));
  });

  test('is how the git of a module asks', async () => {
    const https = { GIT_ALLOW_PROTOCOL: 'https' };
    expect(await initialised(module, { proxy: proxyNamed(url) }, https)).toMatchObject({ code: 'E_INIT' });
    expect(new Set(asked)).toEqual(new Set(['git.invalid:443']));
  });

  test.each([
    ['that it is not told of', {}],
    ['for a host that is reached without it', { direct: 'registry.invalid' }],
    ['for what is below such a host', { direct: 'invalid' }],
  ])('is not asked %s', async (_, { direct }: { direct?: string }) => {
    const proxied = direct === undefined ? {} : { proxy: proxyNamed(url, direct) };
    expect(await initialised(provider, proxied)).toMatchObject({ code: 'E_INIT' });
    expect(asked).toEqual([]);
  });
});
