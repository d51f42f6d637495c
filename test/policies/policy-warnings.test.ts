import { expect, test } from 'vitest';
import { policyWarnings } from '../../policies/policy-warnings.ts';
import { policyFrom } from '../support/policy.ts';

const place = { refs: ['refs/heads/main'], paths: ['prod/**'] };
const warningsOf = (...rules: object[]) =>
  policyWarnings(
    policyFrom({
      version: 1,
      issuers: {
        gitlab: { kind: 'gitlab', issuer: 'https://a.example.com', audience: 'a', jwks_url: 'https://a.example.com/k' },
      },
      repositories: { infra: { url: '/srv/infra.git', rules } },
    }),
  );

test('warns of every rule that lets a token of the machine apply', () => {
  expect(
    warningsOf({ name: 'a', allow: ['apply'], ...place }, { name: 'b', allow: ['plan', 'apply'], ...place }),
  ).toEqual([
    'rule `a` of `infra` lets whoever holds the deploy token apply; fix: add `issuers` and `identity`',
    'rule `b` of `infra` lets whoever holds the deploy token apply; fix: add `issuers` and `identity`',
  ]);
});

test('does not warn of plans, of denials, and of rules that name who', () => {
  expect(
    warningsOf(
      { name: 'a', allow: ['plan'], ...place },
      { name: 'b', deny: ['apply'] },
      { name: 'c', allow: ['apply'], ...place, identity: { project_id: 20 } },
    ),
  ).toEqual([]);
});
