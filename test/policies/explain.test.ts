import { expect, test } from 'vitest';
import type { Reason } from '../../policies/asker.ts';
import type { RequestBody } from '../../policies/contract/request.ts';
import { evaluate } from '../../policies/evaluate.ts';
import { explainDenial, leadingReason } from '../../policies/explain.ts';
import { canonicalRequest } from '../../policies/request.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';

const rules = [
  { name: 'plan-anywhere', allow: ['plan'], refs: ['refs/heads/**'], paths: ['prod/**', 'lab'] },
  { name: 'apply-reviewed', allow: ['apply'], refs: ['refs/heads/main'], paths: ['prod/**', 'sandbox'] },
  { name: 'no-secrets', deny: ['plan'], paths: ['prod/secrets'] },
];
const policy = policyFrom({ version: 1, repositories: { infra: { url: '/srv/infra.git', rules } } });
const sha = '0b497ce3f39c5cd2bf4e4d9d0bd0b3a1b7a0c8d1';
const here = 'plan here: infra-deployer --command plan --path';

function explain(body: RequestBody) {
  const request = value(canonicalRequest(body));
  const decision = evaluate(policy, request);
  return decision.outcome === 'deny' ? explainDenial(request, decision.reasons) : 'allowed';
}

test.each<[string, RequestBody, string, string]>([
  [
    'an apply from a branch that is not reviewed',
    { command: 'apply', path: 'prod/vpc', ref: 'feature/nat' },
    'apply of prod/vpc from feature/nat is not allowed',
    `merge to a ref that rule \`apply-reviewed\` allows and run the apply there, or ${here} prod/vpc`,
  ],
  [
    'a plan from a ref that no rule allows',
    { command: 'plan', path: 'prod/vpc', ref: 'refs/tags/v1' },
    'plan of prod/vpc from refs/tags/v1 is not allowed',
    'plan from a ref that rule `plan-anywhere` allows',
  ],
  [
    'an apply where only plans are allowed',
    { command: 'apply', path: 'lab', ref: 'main' },
    'apply of lab from main is not allowed',
    `ask an admin for a rule that allows it, or ${here} lab`,
  ],
  [
    'a plan where only applies are allowed',
    { command: 'plan', path: 'sandbox', ref: 'main' },
    'plan of sandbox from main is not allowed',
    'ask an admin for a rule that allows it',
  ],
  [
    'a path that no rule knows',
    { command: 'plan', path: 'modules', ref: 'main' },
    'plan of modules from main is not allowed',
    'check the path, or ask an admin for a rule that allows it',
  ],
  [
    'a repository that is not in the policy',
    { command: 'plan', path: 'prod', ref: 'main', repo: 'other' },
    'plan of prod from main is not allowed',
    'give the name of a repository of the policy, or its exact url, with --repo, and ask as somebody its rules are for',
  ],
  [
    'an apply of a commit',
    { command: 'apply', path: 'prod', ref: sha },
    `apply of prod from ${sha} is not allowed`,
    `apply from the branch or tag, or ${here} prod`,
  ],
  [
    'what a rule denies',
    { command: 'plan', path: 'prod/secrets', ref: 'main' },
    'plan of prod/secrets from main is not allowed',
    'rule `no-secrets` is there to stop this; ask an admin if it should not',
  ],
  [
    'a mode that no rule grants',
    { command: 'plan', path: 'prod', ref: 'main', mode: 'destroy' },
    'plan of prod from main is not allowed',
    'leave `mode` out of the request',
  ],
])('explains %s', (_, body, message, fix) => {
  expect(explain(body)).toEqual({ message, fix });
});

test.each([
  ['replace', { replace: ['terraform_data.a'] }],
  ['reason', { reason: 'because' }],
  ['receipt', { receipt: false }],
])('explains that no rule grants `%s`', (field, extra) => {
  expect(explain({ command: 'plan', path: 'prod', ref: 'main', ...extra })).toMatchObject({
    fix: `leave \`${field}\` out of the request`,
  });
});

test.each<[string, Reason, string]>([
  [
    'a claim that is not as a rule wants it',
    { code: 'E_CLAIM_NOT_ALLOWED', message: '', rule: 'apply-reviewed' },
    'ask from a job that rule `apply-reviewed` is for: GitLab and GitHub say in the documentation of ID tokens what makes a claim',
  ],
  [
    'a merge request pipeline',
    { code: 'E_MERGE_REQUEST_PIPELINE', message: '' },
    'merge it, and apply in the pipeline of the branch',
  ],
  [
    'another ref than that of the token',
    { code: 'E_TOKEN_REF', message: '' },
    'ask for the ref and commit that the job runs for, or leave --ref and --sha out',
  ],
  [
    'another commit than that of the token',
    { code: 'E_TOKEN_COMMIT', message: '' },
    'ask for the ref and commit that the job runs for, or leave --ref and --sha out',
  ],
  [
    'two eyes where four are wanted',
    { code: 'E_SAME_PERSON', message: '', rule: 'a' },
    'let somebody else run the apply job, or plan in the merge request again as somebody else',
  ],
])('explains %s', (_, reason, fix) => {
  const request = value(canonicalRequest({ command: 'apply', path: 'prod', ref: 'main' }));
  expect(explainDenial(request, [reason])).toEqual({ message: 'apply of prod from main is not allowed', fix });
});

test('has no advice where there is no reason, or one that it does not know', () => {
  const request = value(canonicalRequest({ command: 'plan', path: 'prod', ref: 'main' }));
  const plain = { message: 'plan of prod from main is not allowed' };
  expect(explainDenial(request, [])).toEqual(plain);
  expect(leadingReason([])).toEqual({ code: 'E_DENIED_BY_RULE', message: 'the policy denies this' });
  expect(explainDenial(request, [{ code: 'E_BUSY', message: 'later' }])).toEqual(plain);
});
