/** Operators one by one, with the examples of AWS's pages on conditions, resources and variables. */
import { describe, expect, test } from 'vitest';
import { judge } from './judge.ts';
import { readPolicy } from './policy-document.ts';
import type { Context } from './request.ts';

const account = '123456789012';
const principal = { arn: `arn:aws:iam::${account}:user/David`, account, tags: { department: 'hr', star: '*' } };

const allowed = (statement: object, { action = 's3:GetObject', resource = '*', context = {} }: Partial<Asked> = {}) => {
  const whole = { Effect: 'Allow', Action: '*', Resource: '*', ...statement };
  const identity = [readPolicy(JSON.stringify({ Version: '2012-10-17', Statement: whole }))];
  return judge({ action, resource, resourceAccount: account, context, principal }, { identity }).allowed;
};
interface Asked {
  action: string;
  resource: string;
  context: Context;
}

const holds = (condition: object, context: Context) => allowed({ Condition: condition }, { context });

test.each([
  ['StringEquals', 'a', 'a', true],
  ['StringEquals', 'a', 'A', false],
  ['StringEquals', 'a*', 'ab', false],
  ['StringEquals', ['a', 'b'], 'b', true],
  ['StringEquals', 'a', undefined, false],
  ['StringEqualsIfExists', 'a', undefined, true],
  ['StringEqualsIfExists', 'a', 'b', false],
  ['StringNotEquals', 'a', 'b', true],
  ['StringNotEquals', ['a', 'b'], 'b', false],
  ['StringNotEquals', 'a', undefined, true],
  ['StringLike', 'a*', 'a/b/c', true],
  ['StringLike', 'a?', 'ab', true],
  ['StringLike', 'a?', 'a', false],
  ['StringLike', 'a.c', 'abc', false],
  ['StringNotLike', 'a*', 'b', true],
  ['StringNotLike', 'a*', 'ab', false],
  ['StringNotLike', 'a*', undefined, true],
  ['Bool', 'true', 'true', true],
  ['Bool', 'true', 'false', false],
  ['Bool', 'true', undefined, false],
  ['BoolIfExists', 'true', undefined, true],
  ['Null', 'true', undefined, true],
  ['Null', 'true', 'x', false],
  ['Null', 'false', 'x', true],
  ['Null', 'false', undefined, false],
  ['NumericLessThanEquals', '10', '10', true],
  ['NumericLessThanEquals', '10', '9', true],
  ['NumericLessThanEquals', '10', '11', false],
  ['NumericLessThanEquals', '10', undefined, false],
  ['NumericEquals', '10', '10.0', true],
  ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'b'], true],
  ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'c'], false],
  ['ForAllValues:StringEquals', ['a', 'b'], undefined, true],
  ['ForAllValues:StringEquals', ['a', 'b'], [], true],
  ['ForAnyValue:StringEquals', ['a', 'b'], ['a', 'c'], true],
  ['ForAnyValue:StringEquals', ['a', 'b'], ['c', 'd'], false],
  ['ForAnyValue:StringEquals', ['a', 'b'], undefined, false],
  ['ForAnyValue:StringEquals', ['a', 'b'], [], false],
  ['ForAllValues:StringNotEquals', ['a'], ['b', 'c'], true],
  ['ForAllValues:StringNotEquals', ['a'], ['a', 'c'], false],
  ['ForAnyValue:StringNotEquals', ['a'], ['a', 'c'], true],
  ['ForAnyValue:StringNotEquals', ['a'], undefined, false],
  ['ArnLike', 'arn:aws:sns:*:*:topic', `arn:aws:sns:eu-west-1:${account}:topic`, true],
  ['ArnEquals', 'arn:aws:sns:*:*:topic', `arn:aws:sns:eu-west-1:${account}:topic`, true],
  ['ArnNotLike', 'arn:aws:sns:*:*:topic', `arn:aws:sns:eu-west-1:${account}:topic`, false],
  ['ArnNotEquals', 'arn:aws:sns:*:*:topic', undefined, true],
  ['ArnLike', 'arn:aws:sns:*:*:*', 'no ARN', false],
] as const)('%s %j with %j: %s', (operator, written, said, expected) => {
  expect(holds({ [operator]: { 'x:key': written } }, said === undefined ? {} : { 'x:key': said })).toBe(expected);
});

test('all operators and all keys must hold', () => {
  const condition = { StringEquals: { 'x:a': '1', 'x:b': '2' }, Bool: { 'x:c': 'true' } };
  expect(holds(condition, { 'x:a': '1', 'x:b': '2', 'x:c': 'true' })).toBe(true);
  expect(holds(condition, { 'x:a': '1', 'x:b': '3', 'x:c': 'true' })).toBe(false);
  expect(holds(condition, { 'x:a': '1', 'x:b': '2', 'x:c': 'false' })).toBe(false);
});

test("an ARN operator keeps to the parts of an ARN: AWS's example of finance", () => {
  const written = 'arn:aws:someservice:*:111122223333:finance/*';
  const said = 'arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt';
  expect(holds({ StringLike: { 'x:key': written } }, { 'x:key': said })).toBe(true);
  expect(holds({ ArnLike: { 'x:key': written } }, { 'x:key': said })).toBe(false);
});

describe("AWS's example of attributes", () => {
  test('allows a read of listed attributes only', () => {
    const Condition = { 'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['PostDateTime', 'Message', 'Tags'] } };
    expect(holds(Condition, { 'dynamodb:Attributes': ['PostDateTime', 'UserName'] })).toBe(false);
    expect(holds(Condition, { 'dynamodb:Attributes': ['PostDateTime', 'Tags'] })).toBe(true);
  });

  test('finds any of the forbidden ones', () => {
    const Condition = { 'ForAnyValue:StringEquals': { 'dynamodb:Attributes': ['ID', 'PostDateTime'] } };
    expect(holds(Condition, { 'dynamodb:Attributes': ['UserName', 'Message', 'PostDateTime'] })).toBe(true);
    expect(holds(Condition, { 'dynamodb:Attributes': ['UserName'] })).toBe(false);
  });
});

test('keys are the same in any letters, and AWS adds its own', () => {
  expect(holds({ StringEquals: { 'X:KEY': 'a' } }, { 'x:Key': 'a' })).toBe(true);
  expect(holds({ StringEquals: { 'aws:PrincipalTag/department': 'hr' } }, {})).toBe(true);
  expect(holds({ StringEquals: { 'aws:PrincipalAccount': account, 'aws:ResourceAccount': account } }, {})).toBe(true);
  expect(holds({ ArnEquals: { 'aws:PrincipalArn': principal.arn } }, {})).toBe(true);
  expect(holds({ Bool: { 'aws:SecureTransport': 'true', 'aws:PrincipalIsAWSService': 'false' } }, {})).toBe(true);
  expect(holds({ Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:SecureTransport': 'false' })).toBe(false);
});

describe('resources', () => {
  test.each([
    '1/test/object.jpg',
    '1/2/test/object.jpg',
    '1/2/test/3/object.jpg',
    '1/2/3/test/4/object.jpg',
    '1///test///object.jpg',
    '1/test/.jpg',
    '/test/object.jpg',
    '1/test/',
  ])("%s is one of AWS's bucket/*/test/*", key => {
    expect(allowed({ Resource: 'arn:aws:s3:::bucket/*/test/*' }, { resource: `arn:aws:s3:::bucket/${key}` })).toBe(
      true,
    );
  });

  test.each(['1-test/object.jpg', 'test/object.jpg', '1/2/test.jpg'])('%s is not', key => {
    expect(allowed({ Resource: 'arn:aws:s3:::bucket/*/test/*' }, { resource: `arn:aws:s3:::bucket/${key}` })).toBe(
      false,
    );
  });

  const lambda = (name: string) => `arn:aws:lambda:eu-west-1:${account}:function:${name}`;
  test.each([
    [lambda('door:live'), lambda('door:live'), true],
    [lambda('door:live'), lambda('door'), false],
    [lambda('door'), lambda('door:live'), false],
    [lambda('door:*'), lambda('door:live'), true],
    [lambda('door*'), lambda('door2:live'), true],
    ['arn:aws:lambda:*:*:function:door:live', lambda('door:live'), true],
    ['arn:aws:*:*:*:door:live', lambda('door:live'), false],
    [lambda('Door:live'), lambda('door:live'), false],
    ['*', '*', true],
    [lambda('*'), '*', false],
  ])('%s with %s: %s', (Resource, resource, expected) => {
    expect(allowed({ Resource }, { resource })).toBe(expected);
  });

  test("NotResource is everything else: AWS's example of Payroll", () => {
    const NotResource = ['arn:aws:s3:::HRBucket/Payroll', 'arn:aws:s3:::HRBucket/Payroll/*'];
    const ask = (resource: string) => allowed({ NotResource, Resource: undefined }, { resource });
    expect(ask('arn:aws:s3:::HRBucket/Payroll/x')).toBe(false);
    expect(ask('arn:aws:s3:::HRBucket/Other')).toBe(true);
  });
});

describe('actions', () => {
  test.each([
    ['s3:GetObject', 's3:GetObject', true],
    ['S3:getobject', 's3:GetObject', true],
    ['s3:Get*', 's3:GetObject', true],
    ['s3:Get??????', 's3:GetObject', true],
    ['s3:Get?', 's3:GetObject', false],
    ['*', 's3:GetObject', true],
    ['s3:*', 's3express:CreateSession', false],
  ])('%s with %s: %s', (Action, action, expected) => {
    expect(allowed({ Action }, { action })).toBe(expected);
  });

  test("NotAction is everything else: AWS's example of all but IAM", () => {
    const ask = (action: string) => allowed({ NotAction: 'iam:*', Action: undefined }, { action });
    expect(ask('iam:CreateUser')).toBe(false);
    expect(ask('s3:GetObject')).toBe(true);
  });
});

describe('variables', () => {
  const home = 'arn:aws:s3:::bucket/home/${aws:username}/*';
  test("is filled in: AWS's example of home directories", () => {
    expect(allowed({ Resource: home }, { resource: 'arn:aws:s3:::bucket/home/David/file' })).toBe(true);
    expect(allowed({ Resource: home }, { resource: 'arn:aws:s3:::bucket/home/Adele/file' })).toBe(false);
    const prefix = (said: string) =>
      holds({ StringLike: { 's3:prefix': ['', 'home/', 'home/${aws:username}/'] } }, { 's3:prefix': said });
    expect(prefix('home/David/')).toBe(true);
    expect(prefix('home/Adele/')).toBe(false);
  });

  test('what it brings in is no wildcard', () => {
    const Resource = 'arn:aws:s3:::bucket/${aws:PrincipalTag/star}';
    expect(allowed({ Resource }, { resource: 'arn:aws:s3:::bucket/*' })).toBe(true);
    expect(allowed({ Resource }, { resource: 'arn:aws:s3:::bucket/anything' })).toBe(false);
  });

  test('${*}, ${?} and ${$} are themselves', () => {
    expect(holds({ StringLike: { 'x:key': 'a${*}${?}${$}*' } }, { 'x:key': 'a*?$b' })).toBe(true);
    expect(holds({ StringLike: { 'x:key': 'a${*}' } }, { 'x:key': 'ab' })).toBe(false);
  });
});

test.each([
  ['an unknown operator', { StringMatches: { 'x:key': 'a' } }],
  ['one it does not judge', { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }],
  ['NullIfExists', { NullIfExists: { 'x:key': 'true' } }],
  ['an unknown set', { 'ForSome:StringEquals': { 'x:key': 'a' } }],
  ['a name that every object has', { constructor: { 'x:key': 'a' } }],
  ['several values without a set', { StringEquals: { 'x:many': 'a' } }],
  ['a number that is none', { NumericEquals: { 'x:key': 'a' } }],
  ['a truth that is none', { Bool: { 'x:key': '1' } }],
  ['an unknown variable', { StringEquals: { 'x:key': '${aws:PrincipalTag/none}' } }],
  ['a variable with a default', { StringEquals: { 'x:key': "${aws:PrincipalTag/department, 'x'}" } }],
  ['a variable without its end', { StringEquals: { 'x:key': '${aws:username' } }],
  ['after one that does not hold', { StringEquals: { 'x:key': 'b' }, StringMatches: { 'x:key': 'a' } }],
])('throws at %s', (_, condition) => {
  expect(() => holds(condition, { 'x:key': 'a', 'x:many': ['a', 'b'] })).toThrow();
});

test('throws at a variable in the account of an ARN', () => {
  const Resource = 'arn:aws:sqs:eu-west-1:${aws:PrincipalAccount}:q';
  expect(() => allowed({ Resource }, { resource: `arn:aws:sqs:eu-west-1:${account}:q` })).toThrow(/variable/);
});
