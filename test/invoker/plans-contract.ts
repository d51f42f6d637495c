/** What every place for saved plans must do, seen by a worker with nothing but a url. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Plans } from '../../invoker/ledger.ts';
import { newRunId } from '../../invoker/secret.ts';

export interface PlansUnderTest {
  readonly plans: Plans;
  /** Parameters of a url that somebody might change. */
  readonly parameters: readonly string[];
  readonly wait: (ms: number) => void;
  readonly close: () => Promise<void>;
}

const bytes = Buffer.from('a saved plan');
export const boundTo = (content: Uint8Array | string) => ({
  digest: createHash('sha256').update(content).digest('hex'),
  size: Buffer.byteLength(content),
});

/** What a worker sends; `digest` is what it says that it sends. */
export const put = (url: string, body: Buffer = bytes, { digest } = boundTo(body)): Promise<Response> =>
  fetch(url, {
    method: 'PUT',
    body: new Uint8Array(body),
    headers: {
      'content-type': 'application/octet-stream',
      'if-none-match': '*',
      'x-amz-checksum-sha256': Buffer.from(digest, 'hex').toString('base64'),
    },
    redirect: 'error',
  });

type Outcome = 'stored' | 'there already' | 'refused';

/** What a worker makes of an answer; one that it would ask again for is none. */
export function outcomeOf({ status }: Response): Outcome {
  if (status === 200 || status === 201) return 'stored';
  if (status === 412) return 'there already';
  if (status === 400 || status === 403 || status === 404) return 'refused';
  throw new Error(`status ${status}`);
}

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

  const grant = (content: Buffer = bytes, id = planId) => plans.grantUpload(id, boundTo(content));
  const download = async (id = planId) => {
    const response = await fetch(await plans.grantDownload(id));
    return { status: response.status, content: Buffer.from(await response.arrayBuffer()) };
  };
  const changed = (url: string, name: string, value: string) => {
    const other = new URL(url);
    other.searchParams.set(name, value);
    return `${other}`;
  };

  const send = async (...sent: Parameters<typeof put>): Promise<Outcome> => outcomeOf(await put(...sent));
  const isKept = (outcome: Outcome): boolean => outcome !== 'refused';

  describe(name, () => {
    test('takes a plan by a grant and gives it back by another', async () => {
      expect(await plans.has(planId)).toBe(false);
      expect(await send(await grant())).toBe('stored');
      expect(await plans.has(planId)).toBe(true);
      expect(await download()).toEqual({ status: 200, content: bytes });
    });

    test('takes a plan of many megabytes', async () => {
      const large = Buffer.alloc(8 * 1024 * 1024, 7);
      expect(await send(await grant(large), large)).toBe('stored');
      expect((await download()).content.equals(large)).toBe(true);
    });

    test.each([
      ['longer', Buffer.from('a saved plan!')],
      ['shorter', Buffer.from('a saved pla')],
      ['other', Buffer.from('a saved plaN')],
      ['no', Buffer.alloc(0)],
    ])('takes %s bytes from nobody than those the grant is for', async (_, other) => {
      for (const said of [other, bytes]) expect(await send(await grant(), other, boundTo(said))).toBe('refused');
      expect(await plans.has(planId)).toBe(false);
      expect(await send(await grant())).toBe('stored');
    });

    test('takes a plan once: the same bytes again are the same plan, others change nothing', async () => {
      const other = Buffer.from('another plan');
      const [first, second] = [await grant(), await grant(other)];
      expect(await send(first)).toBe('stored');
      for (const again of [first, await grant()]) expect(isKept(await send(again))).toBe(true);
      expect(await send(second, other)).not.toBe('stored');
      expect((await download()).content).toEqual(bytes);
    });

    test('takes a plan once from many that come at once', async () => {
      const other = Buffer.from('another plan');
      const [mine, theirs] = [await grant(), await grant(other)];
      const [outcomes, others] = await Promise.all([
        Promise.all([send(mine), send(mine), send(mine)]),
        Promise.all([send(theirs, other), send(theirs, other)]),
      ]);
      const { content } = await download();
      const [winners, losers] = content.equals(bytes) ? [outcomes, others] : [others, outcomes];
      expect(content).toEqual(winners === outcomes ? bytes : other);
      expect(winners).toContain('stored');
      expect(winners.every(isKept)).toBe(true);
      expect(losers).not.toContain('stored');
    });

    test('lets no grant be changed: not its plan, digest, size, time, nor use', async () => {
      const url = await grant();
      const evil = Buffer.from('an evil plan');
      const other = newRunId();
      for (const forged of [
        url.replace(planId, other),
        url.replace(planId, `${planId}/../${other}`),
        await plans.grantDownload(planId),
        ...made.parameters.flatMap(name => ['', '9', '999999999999999'].map(value => changed(url, name, value))),
      ])
        for (const content of [bytes, evil]) expect(await send(forged, content), forged).toBe('refused');
      expect([await plans.has(planId), await plans.has(other)]).toEqual([false, false]);
      expect(outcomeOf(await fetch(url))).toBe('refused');
    });

    test('gives a plan to nobody but the bearer of its own grant', async () => {
      const other = newRunId();
      await put(await grant());
      await put(await grant(bytes, other));
      const url = await plans.grantDownload(planId);
      for (const forged of [
        url.replace(planId, other),
        ...made.parameters
          .filter(name => new URL(url).searchParams.has(name))
          .flatMap(name => ['', '999999999999999'].map(value => changed(url, name, value))),
        url.replace(/\?.*/, ''),
        await grant(),
      ]) {
        const response = await fetch(forged);
        expect(outcomeOf(response), forged).toBe('refused');
        expect(await response.text()).not.toContain('a saved plan');
      }
    });

    test('honours no grant after ten minutes', async () => {
      const [up, down] = [await grant(), await plans.grantDownload(planId)];
      made.wait(10 * 60 * 1000);
      expect(await send(up)).toBe('refused');
      expect(await send(await grant())).toBe('stored');
      expect(outcomeOf(await fetch(down))).toBe('refused');
      const later = await plans.grantDownload(planId);
      made.wait(9 * 60 * 1000);
      expect((await fetch(later)).status).toBe(200);
    });

    test('lists the plans that it keeps', async () => {
      expect(await plans.list()).toEqual([]);
      const other = newRunId();
      await put(await grant());
      await put(await grant(bytes, other));
      await plans.grantUpload(newRunId(), boundTo(bytes));
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
      expect([status, content.includes(bytes)]).toEqual([404, false]);
    });
  });
}
