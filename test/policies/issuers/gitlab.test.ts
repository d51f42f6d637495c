import { expect, test } from 'vitest';
import { gitlab } from '../../../policies/issuers/gitlab.ts';
import { type Claims, gitlabClaims, written } from '../../support/issuer-claims.ts';

const identify = (claims: Claims = {}) => gitlab.identify('ours', written({ ...gitlabClaims, ...claims }));
const problemOf = (claims: Claims) => {
  const result = identify(claims);
  return result.ok ? undefined : result.problem;
};

test.each<[string, Claims, object]>([
  ['a branch', { ref: 'feature/nat', ref_path: 'refs/heads/feature/nat' }, { ref: 'refs/heads/feature/nat' }],
  ['a tag', { ref: 'v1', ref_type: 'tag', ref_path: 'refs/tags/v1' }, { ref: 'refs/tags/v1' }],
  ['a ref of an older GitLab', { ref_path: undefined }, { ref: 'refs/heads/main' }],
  ['a merge request', { pipeline_source: 'merge_request_event' }, { isMergeRequest: true }],
  [
    'a merged result, whose ref is not a branch',
    { pipeline_source: 'merge_request_event', ref_path: 'refs/merge-requests/7/merge' },
    { isMergeRequest: true },
  ],
  ['an external pull request', { pipeline_source: 'external_pull_request_event' }, { isMergeRequest: true }],
  ['a schedule', { pipeline_source: 'schedule' }, { isMergeRequest: false }],
])('reads %s', (_, claims, facts) => {
  expect(identify(claims)).toMatchObject({ ok: true, value: facts });
});

test('keeps only the claims that rules may ask for, and none that the token does not have', () => {
  const result = identify({ environment: undefined });
  if (!result.ok) throw new Error(result.problem.message);
  expect(Object.keys(result.value.claims)).toEqual(Object.keys(gitlab.forms).filter(claim => claim !== 'environment'));
  expect(JSON.stringify(result.value)).not.toContain('anna.k@example.com');
});

test.each<[string, Claims, string]>([
  ['another project', { job_project_id: '21' }, 'the job runs in project 21 for code of project 20'],
  ['a project that is none', { job_project_id: 'x' }, 'claim `job_project_id` does not have the right form'],
])('refuses a job of %s', (_, claims, message) => {
  expect(problemOf(claims)?.message).toContain(message);
});

test.each<[Claims, string]>([
  [{ project_id: 20 }, 'claim `project_id` must be a text'],
  [{ project_id: '0' }, 'claim `project_id` does not have the right form'],
  [{ project_id: ' 20' }, 'claim `project_id` does not have the right form'],
  [{ user_id: '7\n' }, 'claim `user_id` does not have the right form'],
  [{ ref_protected: false }, 'claim `ref_protected` must be `true` or `false`'],
  [{ environment_protected: true }, 'claim `environment_protected` must be `true` or `false`'],
  [{ ref_type: 'merge_request' }, 'claim `ref_type` must be `branch` or `tag`'],
  [{ sha: 'HEAD' }, 'claim `sha` does not have the right form'],
  [{ user_login: '' }, 'claim `user_login`'],
  [{ environment: 'a\u009bb' }, 'claim `environment` does not have the right form'],
  [{ ref_path: 'refs/heads/other' }, 'claims `ref`, `ref_type` and `ref_path` do not name one ref'],
  [{ job_id: undefined, sha: undefined }, 'claim `job_id` is missing, claim `sha` is missing'],
])('refuses %j by the names of the claims', (claims, message) => {
  expect(problemOf(claims)).toMatchObject({ code: 'E_TOKEN_CLAIMS' });
  expect(problemOf(claims)?.message).toContain(message);
});

test.each([[[]], ['text'], [null], [undefined], [{}]])('refuses %j as claims', payload => {
  expect(gitlab.identify('ours', payload)).toMatchObject({ ok: false, problem: { code: 'E_TOKEN_CLAIMS' } });
});
