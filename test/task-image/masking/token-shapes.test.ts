import { expect, test } from 'vitest';
import { newMasker } from '../../../task-image/masking/masker.ts';

const { masked } = newMasker();
const jwt = `eyJ${'a'.repeat(20)}.eyJ${'b-_9'.repeat(300)}.${'c'.repeat(86)}`;

// Put together here, so that no scanner takes this file for a leak.
const tokens: readonly string[] = [
  `AKIA${'IOSFODNN7EXAMPLE'}`,
  `ASIA${'IOSFODNN7EXAMPLE'}`,
  ...['glpat', 'gldt', 'glrt', 'glrtr', 'glcbt', 'glptt', 'glft', 'glimt', 'glagent', 'glsoat'].map(
    prefix => `${prefix}-${'x-Y_9'.repeat(4)}`,
  ),
  `glpat-${'x'.repeat(27)}.01.170${'z'.repeat(6)}`,
  ...['ghp', 'gho', 'ghu', 'ghs', 'ghr'].map(prefix => `${prefix}_${'A1b2'.repeat(9)}`),
  `github_pat_${'11ABC_def'.repeat(9)}`,
  jwt,
];

test.each(tokens)('a token is masked that nobody told of: %.12s', token => {
  expect(masked(token)).toBe('[masked]');
  expect(masked(`a "${token}", b`)).toBe('a "[masked]", b');
  expect(masked(`{\\"token\\":\\"line\\n${token}\\"}`)).toBe('{\\"token\\":\\"line\\n[masked]\\"}');
  expect(masked(`${token.slice(0, 5)}\u001b[1m${token.slice(5)} x`)).toBe('[masked]\u001b[1m x');
});

test.each([
  ['https://user:s3cret@host/x', 'https://[masked]@host/x'],
  ['https://token@host', 'https://[masked]@host'],
  ['postgres://a:p@ss@host:5432/db', 'postgres://[masked]@host:5432/db'],
  ['a https://user:s3cret@host b https://t@h c', 'a https://[masked]@host b https://[masked]@h c'],
])('the user info of a url is masked: %s', (text, expected) => {
  expect(masked(text)).toBe(expected);
});

test.each([
  'ssh://git@gitlab.example.com/acme/infra.git',
  'https://registry.terraform.io/providers/hashicorp/aws',
  'see https://example.com/@scope/name and mail me@example.com',
  'arn:aws:iam::123456789012:role/AROAEXAMPLE eyJ glpat- ghp_short AKIAshort',
  'AKIA-is-a-prefix, and so is glpat-x',
])('what only looks like the beginning of one stays: %s', text => {
  expect(masked(text)).toBe(text);
});

test('a text made to be slow is not', () => {
  const hostile = ['eyJ', 'eyJaaaaa.', 'glpat-', '://', '-----BEGIN PRIVATE KEY-----', 'https://a:b@', jwt].map(part =>
    part.repeat(Math.ceil(200_000 / part.length)),
  );
  const began = performance.now();
  for (const text of hostile) masked(text);
  expect(performance.now() - began).toBeLessThan(10_000);
});
