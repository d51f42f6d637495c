/** What every store of logs must do, whatever it is built on. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Logs } from '../../invoker/ledger.ts';

export function logsContract(name: string, make: () => Promise<{ logs: Logs; close: () => void }>): void {
  let made: Awaited<ReturnType<typeof make>>;
  let logs: Logs;
  beforeEach(async () => {
    made = await make();
    logs = made.logs;
  });
  afterEach(() => made.close());

  const lines = (...texts: string[]) => texts.map(text => ({ phase: 'plan' as const, text }));
  const texts = async (run: string, cursor = 0) => (await logs.read(run, cursor, 1e6)).lines.map(({ text }) => text);

  describe(name, () => {
    test('gives back the lines of a run as they were, in their order', async () => {
      const first = [...lines('\u001b[31mred\u001b[0m', '', '"quoted" \\ €'), { phase: 'apply' as const, text: 'x' }];
      expect(await logs.append('r_a', 0, first)).toBe(true);
      expect(await logs.append('r_a', 1, lines('more'))).toBe(true);
      expect(await logs.append('r_b', 0, lines('of another run'))).toBe(true);
      expect(await logs.read('r_a', 0, 1e6)).toEqual({ lines: [...first, ...lines('more')], cursor: 2, more: false });
    });

    test('stores a batch that comes twice once, as it was the first time', async () => {
      await logs.append('r_a', 0, lines('a'));
      await logs.append('r_a', 1, lines('b'));
      expect(await logs.append('r_a', 0, lines('x'))).toBe(true);
      expect(await texts('r_a')).toEqual(['a', 'b']);
    });

    test('stores nothing of a batch that leaves a gap', async () => {
      expect(await logs.append('r_a', 1, lines('b'))).toBe(false);
      await logs.append('r_a', 0, lines('a'));
      expect(await logs.append('r_a', 2, lines('c'))).toBe(false);
      expect(await texts('r_a')).toEqual(['a']);
      expect(await logs.append('r_a', 1, lines('b'))).toBe(true);
    });

    test('has nothing for a run that said nothing, and nothing behind the end', async () => {
      expect(await logs.read('r_none', 0, 1e6)).toEqual({ lines: [], cursor: 0, more: false });
      await logs.append('r_a', 0, lines('a'));
      expect(await logs.read('r_a', 1, 1e6)).toEqual({ lines: [], cursor: 1, more: false });
    });

    test('answers about as many bytes as asked for, and says where to go on', async () => {
      for (let seq = 0; seq < 5; seq++) await logs.append('r_a', seq, lines('€'.repeat(1000)));
      const read: string[] = [];
      let cursor = 0;
      for (let more = true; more; ) {
        const page = await logs.read('r_a', cursor, 7000);
        expect(page.lines.length).toBeLessThanOrEqual(2);
        read.push(...page.lines.map(({ text }) => text));
        [cursor, more] = [page.cursor, page.more];
      }
      expect(read).toEqual(await texts('r_a'));
      expect(read.length).toBe(5);
    });

    test('answers a batch that is larger than that whole', async () => {
      await logs.append('r_a', 0, lines('x'.repeat(1000), 'y'));
      await logs.append('r_a', 1, lines('z'));
      expect(await logs.read('r_a', 0, 10)).toMatchObject({ lines: [{}, { text: 'y' }], cursor: 1, more: true });
    });

    test('keeps an empty batch, so that the next one fits', async () => {
      await logs.append('r_a', 0, []);
      expect(await logs.append('r_a', 1, lines('b'))).toBe(true);
      expect(await texts('r_a')).toEqual(['b']);
    });
  });
}
