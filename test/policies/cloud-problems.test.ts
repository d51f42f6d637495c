import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cloudProblems } from '../../policies/cloud-problems.ts';
import { policyFrom } from '../support/policy.ts';

const rules = [{ name: 'a', allow: ['plan'], refs: ['refs/heads/main'], paths: ['prod/**'] }];
const known_hosts = 'gitlab.example.com ssh-ed25519 AAAA';
const secret = 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:key-AbCdEf';
const remote = { url: 'git@gitlab.example.com:acme/infra.git', deploy_key: secret, known_hosts, rules };
const problemsOf = (repository: object, more: object = { trust_invoker: true }) =>
  cloudProblems(policyFrom({ version: 1, ...more, repositories: { infra: repository } }));

test('has nothing to say of a repository behind ssh whose key is a secret', () => {
  expect(
    problemsOf({ ...remote, modules: [{ url: 'git@gitlab.example.com:a/m.git', deploy_key: secret, known_hosts }] }),
  ).toEqual([]);
});

test("has nothing to say of the policy of the module's examples", () => {
  const example = join(import.meta.dirname, '../../terraform/examples/allowlist.yaml');
  expect(cloudProblems(policyFrom(readFileSync(example, 'utf8')))).toEqual([]);
});

test('wants somebody who may ask', () => {
  const gitlab = {
    kind: 'gitlab',
    issuer: 'https://a.example.com',
    audience: 'a',
    jwks_url: 'https://a.example.com/k',
  };
  expect(problemsOf(remote, { issuers: { gitlab } })).toEqual([]);
  expect(problemsOf(remote, {})).toEqual([
    'nobody could ask: there are no issuers; fix: add `issuers`, or `trust_invoker: true`',
  ]);
});

test('refuses what lies on the machine', () => {
  expect(problemsOf({ url: '/srv/infra.git', rules })).toEqual([
    'the url of `infra` is a path of this machine; fix: give its ssh url',
  ]);
  const env_secrets = { A_TOKEN: { secret: 'file:/s', key: 'a' } };
  expect(problemsOf({ ...remote, stacks: [{ paths: ['**'], plan: { env_secrets }, apply: { env_secrets } }] })).toEqual(
    Array(2).fill('`A_TOKEN` of `infra` is in a file; fix: put it into Secrets Manager and give its ARN'),
  );
  const modules = [{ url: 'git@gitlab.example.com:a/m.git', deploy_key: 'file:/k', known_hosts }];
  expect(problemsOf({ ...remote, deploy_key: 'file:/k', modules })).toEqual(
    Array(2).fill('a deploy key of `infra` is in a file; fix: put it into Secrets Manager and give its ARN'),
  );
});

test('refuses a secret without the six characters at the end of its ARN', () => {
  const short = secret.slice(0, -'-AbCdEf'.length);
  const env_secrets = { A_TOKEN: { secret: short, key: 'a' } };
  const words =
    'is named without the six characters that Secrets Manager adds to a name; fix: give the ARN as `aws secretsmanager describe-secret` prints it';
  expect(problemsOf({ ...remote, deploy_key: short, stacks: [{ paths: ['**'], plan: { env_secrets } }] })).toEqual([
    `a deploy key of \`infra\` ${words}`,
    `\`A_TOKEN\` of \`infra\` ${words}`,
  ]);
});
