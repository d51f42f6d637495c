import { expect, test } from 'vitest';
import { readSettings } from '../../../invoker/aws/settings.ts';

const lambda = (name: string) => `arn:aws:lambda:eu-west-1:111111111111:function:${name}:live`;
const key = 'arn:aws:kms:eu-west-1:111111111111:key/1';
const policy = { bucket: 'policy', key: 'allowlist.yaml' };
const deploy = { function: 'deploy', table: 't', recordsKey: key, policy, runKeysKey: key, keeper: lambda('keeper') };

test('reads what a function is told', () => {
  expect(readSettings(JSON.stringify(deploy))).toEqual(deploy);
  const audit = { function: 'audit', table: 't', recordsKey: key };
  expect(readSettings(JSON.stringify(audit))).toEqual(audit);
});

test('may tell the worker door of a cache', () => {
  const erroredStates = { bucket: 'errored-states' };
  const worker = { function: 'worker', table: 't', recordsKey: key, policy, plans: { bucket: 'plans', key } };
  const told = { ...worker, erroredStates, runRole: 'arn:aws:iam::111111111111:role/run', keeper: lambda('keeper') };
  const providerCache = { bucket: 'plans' };
  expect(readSettings(JSON.stringify({ ...told, providerCache }))).toEqual({ ...told, providerCache });
  expect(() => readSettings(JSON.stringify({ ...told, providerCache: {} }))).toThrow(/bucket/);
});

test('reads how many functions may work at once, each pool where it says so', () => {
  const lambda = { plan: 'arn:aws:lambda:p', apply: 'arn:aws:lambda:a', perTenant: true };
  const keeper = { function: 'keeper', table: 't', recordsKey: key, policy, plans: { bucket: 'plans', key } };
  const told = (concurrency: object) =>
    JSON.stringify({ ...keeper, auditBucket: 'audit', logGroup: '/runs', lambda: { ...lambda, concurrency } });
  expect(readSettings(told({ plan: 40 }))).toMatchObject({ lambda: { concurrency: { plan: 40 } } });
  expect(() => readSettings(told({ plan: 40, apply: 0 }))).toThrow('apply');
});

test.each([
  ['nothing', undefined, /INFRA_DEPLOYER_SETTINGS/],
  ['no JSON', '{', /INFRA_DEPLOYER_SETTINGS: /],
  ['no object', 'null', /names no function/],
  ['a function that does not exist', JSON.stringify({ ...deploy, function: 'admin' }), /names no function/],
  ['a function by a name that every object has', '{"function":"constructor"}', /names no function/],
  ['a setting of another function', JSON.stringify({ ...deploy, runRole: 'arn:aws:iam::1:role/r' }), /runRole/],
  ['too little', JSON.stringify({ ...deploy, runKeysKey: undefined }), /runKeysKey/],
  ['one key twice', '{"function":"audit","function":"deploy"}', /INFRA_DEPLOYER_SETTINGS: /],
])('refuses %s', (_, text, says) => {
  expect(() => readSettings(text)).toThrow(says);
});
