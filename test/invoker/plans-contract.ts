/** What every place for saved plans must do, seen by a worker with nothing but a url. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Plans } from '../../invoker/ledger.ts';
import { newRunId } from '../../invoker/secret.ts';

export interface PlansUnderTest {
  readonly plans: Plans;
  readonly wait: (ms: number) => void;
  readonly close: () => Promise<void>;
}

const bytes = Buffer.from('a saved plan');
const bound = (content: Uint8Array) => ({
  digest: createHash('sha256').update(content).digest('hex'),
  size: content.length,
});

export const put = (url: string, body: Buffer = bytes): Promise<Response> =>
  fetch(url, {
    method: 'PUT',
    body: new Uint8Array(body),
    headers: { 'content-type': 'application/octet-stream' },
    redirect: 'error',
  });

export function plansContract(name: string, make: () => Promise<PlansUnderTest>): void {
  let made: PlansUnderTest;
  let plans: Plans;
  let planId: string;
  beforeEach(async () => {
    made = await make();
    plans = made.plans;
    planId = newRunId();
  });
  afterEach(() => made.close());

  const grant = (content: Buffer = bytes, id = planId) => plans.grantUpload(id, bound(content));
  const download = async (id = planId) => {
    const response = await fetch(await plans.grantDownload(id));
    return { status: response.status, content: Buffer.from(await response.arrayBuffer()) };
  };
  const changed = (url: string, name: string, value: string) => {
    const other = new URL(url);
    other.searchParams.set(name, value);
    return `${other}`;
  };

  describe(name, () => {
    test('takes a plan by a grant and gives it back by another', async () => {
      expect(await plans.has(planId)).toBe(false);
      expect((await put(await grant())).status).toBe(201);
      expect(await plans.has(planId)).toBe(true);
      expect(await download()).toEqual({ status: 200, content: bytes });
    });

    test('takes a plan of many megabytes', async () => {
      const large = Buffer.alloc(8 * 1024 * 1024, 7);
      expect((await put(await grant(large), large)).status).toBe(201);
      expect((await download()).content.equals(large)).toBe(true);
    });

    test.each([
      ['longer', Buffer.from('a saved plan!')],
      ['shorter', Buffer.from('a saved pla')],
      ['other', Buffer.from('a saved plaN')],
      ['no', Buffer.alloc(0)],
    ])('takes %s bytes from nobody than those the grant is for', async (_, other) => {
      expect((await put(await grant(), other)).status).toBe(400);
      expect(await plans.has(planId)).toBe(false);
      expect((await put(await grant())).status).toBe(201);
    });

    test('takes a plan once: the same bytes again are the same plan, others are refused', async () => {
      const other = Buffer.from('another plan');
      const [first, second] = [await grant(), await grant(other)];
      expect((await put(first)).status).toBe(201);
      for (const again of [first, await grant()]) expect((await put(again)).status).toBe(201);
      expect((await put(second, other)).status).toBe(400);
      expect((await download()).content).toEqual(bytes);
    });

    test('takes a plan once from many that come at once', async () => {
      const other = Buffer.from('another plan');
      const [mine, theirs] = [await grant(), await grant(other)];
      const [answers, others] = await Promise.all([
        Promise.all([put(mine), put(mine), put(mine)]),
        Promise.all([put(theirs, other), put(theirs, other)]),
      ]);
      const [statuses, otherStatuses] = [answers, others].map(all => new Set(all.map(({ status }) => status)));
      const isMine = answers[0]?.status === 201;
      expect([...(statuses ?? []), ...(otherStatuses ?? [])]).toEqual(isMine ? [201, 400] : [400, 201]);
      expect((await download()).content).toEqual(isMine ? bytes : other);
    });

    test('lets no grant be changed: not its plan, digest, size, time, nor use', async () => {
      const url = await grant();
      const evil = Buffer.from('an evil plan');
      const other = newRunId();
      for (const forged of [
        url.replace(planId, other),
        changed(changed(url, 'digest', bound(evil).digest), 'size', `${evil.length}`),
        changed(url, 'size', `${bytes.length + 1}`),
        changed(url, 'until', '999999999999999'),
        changed(url, 'grant', 'x'),
        await plans.grantDownload(planId),
      ])
        for (const content of [bytes, evil]) {
          const { status } = await put(forged, content);
          expect(status === 400 || status === 404, `${status} ${forged}`).toBe(true);
        }
      expect([await plans.has(planId), await plans.has(other)]).toEqual([false, false]);
      expect((await fetch(url)).status).toBeGreaterThanOrEqual(400);
    });

    test('gives a plan to nobody but the bearer of its own grant', async () => {
      const other = newRunId();
      await put(await grant());
      await put(await grant(bytes, other));
      const url = await plans.grantDownload(planId);
      for (const forged of [
        url.replace(planId, other),
        changed(url, 'until', '999999999999999'),
        changed(url, 'grant', ''),
        url.replace(/\?.*/, ''),
        await grant(),
      ]) {
        const response = await fetch(forged);
        expect([400, 404]).toContain(response.status);
        expect(await response.text()).not.toContain('a saved plan');
      }
    });

    test('honours no grant after ten minutes', async () => {
      const [up, down] = [await grant(), await plans.grantDownload(planId)];
      made.wait(10 * 60 * 1000);
      expect((await put(up)).status).toBe(404);
      expect((await put(await grant())).status).toBe(201);
      expect((await fetch(down)).status).toBe(404);
      made.wait(10 * 60 * 1000 - 1);
      expect((await download()).status).toBe(200);
    });

    test('lists the plans that it keeps', async () => {
      expect(await plans.list()).toEqual([]);
      const other = newRunId();
      await put(await grant());
      await put(await grant(bytes, other));
      await plans.grantUpload(newRunId(), bound(bytes));
      expect([...(await plans.list())].sort()).toEqual([planId, other].sort());
      await plans.remove(other);
      expect(await plans.list()).toEqual([planId]);
    });

    test('forgets a plan that is removed, and one that was never there', async () => {
      await put(await grant());
      await plans.remove(planId);
      await plans.remove(newRunId());
      expect(await plans.has(planId)).toBe(false);
      const { status, content } = await download();
      expect([status, content.toString()]).toEqual([404, expect.stringContaining('E_NOT_FOUND')]);
    });
  });
}
