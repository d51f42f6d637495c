/** What the worker door grants of the provider cache: only while nothing of the repository has run, and one upload for a run. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { ProviderCache } from '../../../policies/contract/worker.ts';
import { type Plane, testPlane } from '../test-plane.ts';
import { must, source, type TestWorker, workerOf } from '../test-worker.ts';

const key = { lockDigest: 'a'.repeat(64), platform: 'linux_amd64' };
const upload = { digest: 'b'.repeat(64), size: 1000 };

let asked: ProviderCache[];
let plane: Plane;
beforeEach(async () => {
  asked = [];
  plane = await testPlane({
    grantProviders: async one => {
      asked.push(one);
      return one.upload === undefined ? { download: 'https://down' } : { upload: 'https://up' };
    },
  });
});

async function installing(): Promise<TestWorker> {
  const worker = await workerOf(plane);
  await must(worker.tell('source', source));
  await must(worker.tell('phase', { phase: 'init' }));
  return worker;
}

describe('a worker that installs providers', () => {
  test('is told where they are, and where to put them', async () => {
    const worker = await installing();
    expect(await must(worker.tell('provider-cache', key))).toEqual({ download: 'https://down' });
    expect(await must(worker.tell('provider-cache', { ...key, upload }))).toEqual({ upload: 'https://up' });
    expect(asked).toEqual([key, { ...key, upload }]);
  });

  test('puts one archive there: asked again it is the same', async () => {
    const worker = await installing();
    for (const _ of [1, 2])
      expect(await must(worker.tell('provider-cache', { ...key, upload }))).toEqual({ upload: 'https://up' });
    for (const another of [
      { ...key, upload: { ...upload, digest: 'c'.repeat(64) } },
      { ...key, upload: { ...upload, size: 999 } },
      { ...key, lockDigest: 'd'.repeat(64), upload },
    ])
      expect(await worker.refused('provider-cache', another)).toEqual([400, 'E_BAD_REQUEST']);
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['a name', { ...key, lockDigest: '../plans/r_x' }],
    ['another system', { ...key, platform: '../plans' }],
    ['too much', { ...key, upload: { ...upload, size: 1024 ** 3 + 1 } }],
    ['nothing', { ...key, upload: { ...upload, size: 0 } }],
    ['something else besides', { ...key, bucket: 'x' }],
  ])('gets nothing for %s', async (_, body) => {
    expect(await (await installing()).refused('provider-cache', body)).toEqual([400, 'E_SCHEMA']);
    expect(asked).toEqual([]);
  });
});

describe('a worker gets nothing', () => {
  test('before its source is settled', async () => {
    expect(await (await workerOf(plane)).refused('provider-cache', key)).toEqual([400, 'E_BAD_REQUEST']);
  });

  test('once it plans: what it says by then may be what planned code says', async () => {
    const worker = await installing();
    await must(worker.tell('phase', { phase: 'plan' }));
    for (const body of [key, { ...key, upload }])
      expect(await worker.refused('provider-cache', body)).toEqual([400, 'E_BAD_REQUEST']);
    expect(asked).toEqual([]);
  });

  test('with the token of nobody', async () => {
    const { status } = await plane.ask('POST', '/worker/v1/provider-cache', { token: 'r_x.y', body: key });
    expect(status).toBe(401);
  });

  test('where nothing is kept', async () => {
    plane = await testPlane();
    expect(await must((await installing()).tell('provider-cache', key))).toEqual({});
  });
});
