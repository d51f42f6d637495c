import { describe, expect, test } from 'vitest';
import type { RequestBody } from '../../policies/contract/request.ts';
import { type RecordedRun, review } from '../../policies/review.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';

const policyWith = (refs: readonly string[]) =>
  policyFrom({
    version: 1,
    repositories: {
      'infra-live': {
        url: '/srv/infra-live.git',
        rules: [{ name: 'plans', allow: ['plan'], refs, paths: ['prod/**'] }],
      },
    },
  });
const policy = policyWith(['refs/heads/**', 'refs/tags/v*']);
const request: RequestBody = { command: 'plan', path: 'prod/vpc', ref: 'v1' };
const run: RecordedRun = { request, repo: 'infra-live', asker: { planners: [] } };
const refusal = (...asked: Parameters<typeof review>) => {
  const reviewed = review(...asked);
  return reviewed.ok ? undefined : reviewed.problem;
};

describe('the review of a recorded run', () => {
  test('has what the policy allows now, for the repository that was recorded', () => {
    const { request: canonical, repository, refs } = value(review(policy, run));
    expect(canonical).toMatchObject({ repo: 'infra-live', path: 'prod/vpc' });
    expect(repository.url).toBe('/srv/infra-live.git');
    expect(refs).toEqual([
      { ref: 'refs/heads/v1', rule: 'plans' },
      { ref: 'refs/tags/v1', rule: 'plans' },
    ]);
  });

  test('lets nobody change the repository by what was asked', () => {
    expect(review(policy, { ...run, request: { ...request, repo: 'another' } }).ok).toBe(true);
    expect(refusal(policy, { ...run, repo: 'another' })?.code).toBe('E_REPO_NOT_ALLOWED');
  });

  test('is of the very ref, once there is one', () => {
    expect(review(policy, { ...run, ref: 'refs/tags/v1' }).ok).toBe(true);
    expect(refusal(policyWith(['refs/heads/**']), { ...run, ref: 'refs/tags/v1' })).toEqual({
      code: 'E_REF_NOT_ALLOWED',
      message: 'no rule allows plan of this path from `refs/tags/v1`',
    });
    expect(refusal(policy, { ...run, ref: 'v1' })?.code).toBe('E_REF_SYNTAX');
  });

  test('refuses a record that is not canonical', () => {
    expect(refusal(policy, { ...run, request: { ...request, path: 'prod/../x' } })?.code).toBe('E_PATH_SYNTAX');
  });

  test('words a denial as it is told to', () => {
    const elsewhere = { ...run, request: { ...request, path: 'dev' } };
    expect(refusal(policy, elsewhere)).toEqual({
      code: 'E_PATH_NOT_ALLOWED',
      message: 'no rule allows anything at this path',
    });
    expect(refusal(policy, elsewhere, () => 'the policy has changed')).toEqual({
      code: 'E_PATH_NOT_ALLOWED',
      message: 'the policy has changed',
    });
  });
});
