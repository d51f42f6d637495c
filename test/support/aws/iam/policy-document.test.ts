import { expect, test } from 'vitest';
import { readPolicy } from './policy-document.ts';

const statement = { Effect: 'Allow', Action: 's3:*', Resource: '*' };
const policy = (Statement: unknown) => ({ Version: '2012-10-17', Statement });

test('reads one and many alike', () => {
  const many = policy([{ ...statement, Action: ['s3:*'], Resource: ['*'], Principal: { AWS: ['*'] } }]);
  expect(readPolicy(policy({ ...statement, Principal: '*' }))).toEqual(many);
  expect(readPolicy(JSON.stringify(many))).toEqual(many);
  expect(readPolicy(readPolicy(many))).toEqual(many);
});

test('reads true as "true", as Terraform writes it', () => {
  const bool = policy([{ ...statement, Condition: { Bool: { 'aws:SecureTransport': true } } }]);
  expect(readPolicy(bool).Statement[0]?.Condition).toEqual({ Bool: { 'aws:SecureTransport': ['true'] } });
});

test.each([
  ['no version', { Statement: [statement] }],
  ['the version without variables', { Version: '2008-10-17', Statement: [statement] }],
  ['an unknown element', { ...policy([statement]), Extra: 1 }],
  ['an unknown element of a statement', policy([{ ...statement, Resorce: '*' }])],
  ['NotPrincipal', policy([{ ...statement, NotPrincipal: '*' }])],
  ['another effect', policy([{ ...statement, Effect: 'allow' }])],
  ['no action', policy([{ Effect: 'Allow', Resource: '*' }])],
  ['two kinds of action', policy([{ ...statement, NotAction: 'ec2:*' }])],
  ['two kinds of resource', policy([{ ...statement, NotResource: '*' }])],
  ['an empty list', policy([{ ...statement, Action: [] }])],
  ['a number as an action', policy([{ ...statement, Action: 1 }])],
  ['a text as a principal', policy([{ ...statement, Principal: 'arn:aws:iam::123456789012:root' }])],
  ['a text as a statement', policy(['Allow'])],
  ['no statement', policy(undefined)],
])('refuses %s', (_, value) => {
  expect(() => readPolicy(value)).toThrow();
});
