import { expect, test } from 'vitest';
import { deferred } from '../../../invoker/aws/deferred.ts';

interface Port {
  readonly twice: (n: number) => Promise<number>;
}

test('loads when it is first asked, once, whoever asks', async () => {
  let loads = 0;
  const port = deferred<Port>(async () => {
    loads += 1;
    return { twice: async n => 2 * n };
  });
  expect(loads).toBe(0);
  expect(await Promise.all([port.twice(1), port.twice(2)])).toEqual([2, 4]);
  expect(loads).toBe(1);
});

test('loads again what could not be loaded', async () => {
  let isBroken = true;
  const port = deferred<Port>(async () => {
    if (isBroken) throw new Error('not now');
    return { twice: async n => 2 * n };
  });
  await expect(port.twice(1)).rejects.toThrow('not now');
  isBroken = false;
  expect(await port.twice(1)).toBe(2);
});

test('comes through an async function as it is', async () => {
  const port = deferred<Port>(async () => ({ twice: async n => 2 * n }));
  const passed = await (async () => port)();
  expect(await passed.twice(3)).toBe(6);
});
