import { expect, test } from 'vitest';
import { broken, renamed } from './shape.ts';

const before = { run: { id: 'r_1', state: 'queued', timings: { queue: 1 } }, lines: [{ text: 'a' }] };

test.each([
  ['something that was added', { ...before, run: { ...before.run, since: 3 }, more: [] }, []],
  ['another value of what nobody decides by', { ...before, lines: [{ text: 'b' }, {}] }, []],
  ['something that has vanished', { ...before, lines: [{}] }, ['.lines[0].text: string before, nothing now']],
  ['one that is missing', { ...before, lines: [] }, ['.lines: 1 before, 0 now']],
  ['another kind', { ...before, run: { ...before.run, timings: [] } }, ['.run.timings: object before, array now']],
  [
    'another state',
    { ...before, run: { ...before.run, state: 'waiting' } },
    ['.run.state: queued before, waiting now'],
  ],
])('tells %s', (_, now, told) => {
  expect(broken(before, now)).toEqual(told);
});

test('finds the names that random things have now', () => {
  const now = { ...before, run: { ...before.run, id: 'r_2' } };
  expect(renamed({ ...before, runKey: 'k_1' }, { ...now, runKey: 'k_2' })).toEqual([
    ['r_1', 'r_2'],
    ['k_1', 'k_2'],
  ]);
});
