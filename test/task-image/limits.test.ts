import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Limits, megabyte, overLimit } from '../../task-image/limits.ts';

const limits: Limits = { memoryMb: 100, processes: 20, diskMb: 30, outputMb: 4 };
const most = {
  memoryBytes: 100 * megabyte,
  processes: 20,
  threads: 320,
  diskBytes: 30 * megabyte,
  outputBytes: 4 * megabyte,
};

test('what is within the limits is no problem, to the last byte and process', () => {
  const upTo = (all: number) => fc.option(fc.integer({ min: 0, max: all }), { nil: undefined });
  const usage = fc.record(
    Object.fromEntries(Object.entries(most).map(([key, value]) => [key, upTo(value)])) as {
      [Key in keyof typeof most]: fc.Arbitrary<number | undefined>;
    },
  );
  const given = (all: object) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  fc.assert(fc.property(usage, one => overLimit(given(one), limits) === undefined));
  expect(overLimit(most, limits)).toBeUndefined();
});

test.each([
  ['memoryBytes', 'the run took more than 100 MiB of memory', 'memory_mb'],
  ['processes', 'the run had more than 20 processes', 'processes'],
  ['threads', 'the run had more than 320 threads', 'processes'],
  ['diskBytes', 'the run wrote more than 30 MiB to disk', 'disk_mb'],
  ['outputBytes', 'the run printed more than 4 MiB', 'output_mb'],
] as const)('one more of %s is told with the key of the policy that sets the limit', (key, message, name) => {
  const problem = overLimit({ ...most, [key]: most[key] + 1 }, limits);
  expect(problem).toMatchObject({ code: 'E_LIMIT', message });
  expect(problem?.fix).toContain(`\`limits.${name}\``);
});

test.each([
  ['too many files', 'the run has more than 200,000 files and directories'],
  ['hidden files', 'the run has directories that nobody can look into'],
] as const)('%s cannot be counted, so no key of the policy lets them be', (uncounted, message) => {
  expect(overLimit({ uncounted }, limits)).toEqual({ code: 'E_LIMIT', message, fix: 'make the stack need less' });
});
