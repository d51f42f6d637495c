import { expect, test } from 'vitest';
import { bar, inSeconds, summary, table } from './figures.ts';

test('takes the middle value of an odd number of times, whatever their order', () => {
  expect(summary([900, 100, 300])).toEqual({ median: 300, min: 100, max: 900 });
});

test('takes the mean of the two middle values of an even number of times', () => {
  expect(summary([1000, 9, 200, 100])).toEqual({ median: 150, min: 9, max: 1000 });
});

test('prints seconds with their range', () => {
  expect(inSeconds({ median: 1234, min: 999, max: 20_000 })).toBe('1.23 s (1.00–20.00)');
});

test('draws the longest bar over the whole width and a short one still visibly', () => {
  expect([bar(80, 80, 8), bar(40, 80, 8), bar(1, 80, 8), bar(0, 80, 8)]).toEqual(['########', '####', '#', '']);
});

test('lines columns up, figures to the right', () => {
  expect(
    table([
      ['a', '1.5'],
      ['long', '10.5'],
    ]),
  ).toBe('a       1.5\nlong   10.5');
});
