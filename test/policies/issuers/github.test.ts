import { expect, test } from 'vitest';
import { github } from '../../../policies/issuers/github.ts';
import { type Claims, githubClaims, written } from '../../support/issuer-claims.ts';

const identify = (claims: Claims = {}) => github.identify('actions', written({ ...githubClaims, ...claims }));

test.each<[string, Claims, object]>([
  ['a push', {}, { ref: 'refs/heads/main', isMergeRequest: false, user: '12', project: 'acme/infra-live' }],
  ['a tag', { ref: 'refs/tags/v1', ref_type: 'tag' }, { ref: 'refs/tags/v1' }],
  ['a job without a reusable workflow', { job_workflow_ref: undefined }, { job: '9001/2' }],
])('reads %s', (_, claims, facts) => {
  expect(identify(claims)).toMatchObject({ ok: true, value: facts });
});

test.each(['pull_request', 'pull_request_target', 'merge_group'])(
  'takes %s for code that is not merged',
  event_name => {
    const result = identify({ event_name, ref: 'refs/pull/7/merge' });
    expect(result).toMatchObject({ ok: true, value: { isMergeRequest: true } });
    expect(result.ok && result.value).not.toHaveProperty('ref');
  },
);

test.each<[Claims, string]>([
  [{ repository_id: 74 }, 'claim `repository_id` must be a text'],
  [{ ref_protected: true }, 'claim `ref_protected` must be `true` or `false`'],
  [{ actor_id: undefined }, 'claim `actor_id` is missing'],
])('refuses %j', (claims, message) => {
  expect(identify(claims)).toMatchObject({ ok: false, problem: { code: 'E_TOKEN_CLAIMS', message } });
});
