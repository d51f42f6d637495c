/** The claims of a job's ID token as GitLab and GitHub write them: ids and booleans are texts. */
import { randomUUID } from 'node:crypto';

export type Claims = Readonly<Record<string, unknown>>;

export const tokenCommit = '714a629c0b401fdce83e847fc9589983fc6f46bc';

/** doc/ci/secrets/id_token_authentication.md, GitLab 18: a push to `main`, which is protected. */
export const gitlabClaims = {
  namespace_id: '72',
  namespace_path: 'acme',
  project_id: '20',
  project_path: 'acme/infra-live',
  job_namespace_id: '72',
  job_namespace_path: 'acme',
  job_project_id: '20',
  job_project_path: 'acme/infra-live',
  user_id: '7',
  user_login: 'anna.k',
  user_email: 'anna.k@example.com',
  user_access_level: 'maintainer',
  user_identities: [{ provider: 'saml', extern_uid: 'anna' }],
  groups_direct: ['acme'],
  pipeline_id: '574',
  pipeline_source: 'push',
  job_id: '302',
  ref: 'main',
  ref_type: 'branch',
  ref_path: 'refs/heads/main',
  ref_protected: 'true',
  environment: 'prod',
  environment_protected: 'true',
  deployment_tier: 'production',
  environment_action: 'start',
  runner_id: 1,
  runner_environment: 'self-hosted',
  sha: tokenCommit,
  ci_config_ref_uri: 'gitlab.example.com/acme/infra-live//.gitlab-ci.yml@refs/heads/main',
  ci_config_sha: tokenCommit,
  project_visibility: 'private',
  sub: 'project_path:acme/infra-live:ref_type:branch:ref:main',
};

/** docs.github.com, "OpenID Connect reference". */
export const githubClaims = {
  repository: 'acme/infra-live',
  repository_id: '74',
  repository_owner: 'acme',
  repository_owner_id: '65',
  repository_visibility: 'private',
  actor: 'anna-k',
  actor_id: '12',
  run_id: '9001',
  run_number: '10',
  run_attempt: '2',
  workflow: 'deploy',
  workflow_ref: 'acme/infra-live/.github/workflows/deploy.yml@refs/heads/main',
  workflow_sha: tokenCommit,
  job_workflow_ref: 'acme/infra-live/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_sha: tokenCommit,
  event_name: 'push',
  base_ref: '',
  head_ref: '',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  ref_protected: 'true',
  environment: 'prod',
  runner_environment: 'github-hosted',
  sha: tokenCommit,
  sub: 'repo:acme/infra-live:environment:prod',
};

/** As GitLab sets them for a job that may run for an hour. `at` in ms. */
export function times(at: number = Date.now()) {
  const iat = Math.floor(at / 1000);
  return { jti: randomUUID(), iat, nbf: iat - 5, exp: iat + 3600 };
}

/** As they arrive in a token: a claim that is `undefined` is not there. */
export const written = (claims: Claims): Claims => JSON.parse(JSON.stringify(claims));
