import { expect, test } from 'vitest';
import { changedTexts } from '../../policies/report-texts.ts';

const loud = (text: string): string => text.toUpperCase();

test('every text of a report is changed, and nothing else', () => {
  expect(
    changedTexts(
      {
        outcome: 'failed',
        error: { code: 'E_x', message: 'message', fix: 'fix' },
        counts: { create: 1, update: 0, delete: 0, replace: 0 },
        changes: [{ address: 'a.b', action: 'create' }],
        tool: { binary: 'terraform', version: '1.0.0-rc' },
        state: { lineage: 'lineage', before: 1 },
        lockDigest: 'abc',
      },
      loud,
    ),
  ).toEqual({
    outcome: 'failed',
    error: { code: 'E_x', message: 'MESSAGE', fix: 'FIX' },
    counts: { create: 1, update: 0, delete: 0, replace: 0 },
    changes: [{ address: 'A.B', action: 'create' }],
    tool: { binary: 'TERRAFORM', version: '1.0.0-RC' },
    state: { lineage: 'LINEAGE', before: 1 },
    lockDigest: 'abc',
  });
});

test('what is not there stays away', () => {
  expect(changedTexts({ outcome: 'succeeded' }, loud)).toEqual({ outcome: 'succeeded' });
  expect(changedTexts({ outcome: 'failed', error: { code: 'E', message: 'm' }, state: { before: 1 } }, loud)).toEqual({
    outcome: 'failed',
    error: { code: 'E', message: 'M' },
    state: { before: 1 },
  });
});

test('each change is told how long its text may be', () => {
  const limits: number[] = [];
  changedTexts(
    { outcome: 'failed', error: { code: 'E', message: 'm', fix: 'f' }, changes: [{ address: 'a', action: 'update' }] },
    (text, longest) => {
      limits.push(longest);
      return text;
    },
  );
  expect(limits).toEqual([4096, 4096, 1024]);
});
