import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { fetchPlan, storePlan } from '../../task-image/plan-transfer.ts';
import { problemFrom, silentControl } from './parts.ts';

const bytes = Buffer.from([0, 1, 2, 0xff, 0x0a]);
const plan = { planId: 'r_x', size: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') };

let close = () => {};
afterEach(() => close());

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => {
    server.close();
    server.closeAllConnections();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/plans/r_x`;
}

describe('a stored plan', () => {
  test('comes back byte for byte', async () => {
    const url = await serve((_request, response) => response.end(bytes));
    expect(await fetchPlan(silentControl(), { ...plan, url })).toEqual(bytes);
  });

  test.each([
    ['has other bytes', 200, Buffer.from([0, 1, 2, 0xff, 0x0b])],
    ['is longer', 200, Buffer.concat([bytes, bytes])],
    ['is shorter', 200, bytes.subarray(1)],
    ['is empty', 200, Buffer.alloc(0)],
    ['is not there', 404, bytes],
  ])('that %s is refused', async (_what, status, body) => {
    const url = await serve((_request, response) => response.writeHead(status).end(body));
    expect(await problemFrom(() => fetchPlan(silentControl(), { ...plan, url }))).toMatchObject({
      code: 'E_PLAN_DAMAGED',
    });
  });

  test('is not looked for elsewhere', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/elsewhere') response.end(bytes);
      else response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await expect(fetchPlan(silentControl(), { ...plan, url })).rejects.toThrow();
  });
});

describe('a store that does not answer', () => {
  test('is asked again', async () => {
    let asked = 0;
    const url = await serve((request, response) => {
      asked += 1;
      if (asked < 3) request.destroy();
      else response.end(bytes);
    });
    expect(await fetchPlan(silentControl(), { ...plan, url })).toEqual(bytes);
  });

  test('is not asked again once the run must stop', async () => {
    const stopping = new AbortController();
    let asked = 0;
    const url = await serve(request => {
      asked += 1;
      stopping.abort('lost');
      request.destroy();
    });
    await expect(fetchPlan({ ...silentControl(), stop: stopping.signal }, { ...plan, url })).rejects.toThrow();
    expect(asked).toBe(1);
  });
});

describe('storing a plan', () => {
  test('asks for exactly this plan and puts exactly its bytes', async () => {
    const got: { method: string | undefined; body: Buffer }[] = [];
    const url = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      got.push({ method: request.method, body: Buffer.concat(chunks) });
      response.writeHead(201).end();
    });
    const granted: unknown[] = [];
    const control = {
      ...silentControl(),
      grantPlan: async (wanted: { digest: string; size: number }) => {
        granted.push(wanted);
        return url;
      },
    };
    await storePlan(control, bytes);
    expect(granted).toEqual([{ digest: plan.digest, size: plan.size }]);
    expect(got).toEqual([{ method: 'PUT', body: bytes }]);
  });

  test.each([409, 500, 503])('is tried again while the store says %i', async status => {
    const answers = [status, status, 200];
    const url = await serve((_request, response) => response.writeHead(answers.shift() ?? 500).end());
    await storePlan({ ...silentControl(), grantPlan: async () => url }, bytes);
    expect(answers).toEqual([]);
  });

  test('is done when the plan is there already', async () => {
    const url = await serve((_request, response) => response.writeHead(412).end());
    await storePlan({ ...silentControl(), grantPlan: async () => url }, bytes);
  });

  test('fails when it is not taken', async () => {
    const url = await serve((_request, response) => response.writeHead(507).end());
    const control = { ...silentControl(), grantPlan: async () => url };
    expect(await problemFrom(() => storePlan(control, bytes))).toEqual({
      code: 'E_WORKER',
      message: 'the plan could not be stored: status 507',
    });
  });
});
