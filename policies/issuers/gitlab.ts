/** GitLab's ID tokens: ids and yes-or-no are texts there, `"false"` too (doc/ci/secrets/id_token_authentication.md). */
import { Type } from 'typebox';
import { ok, refuse } from '../contract/error.ts';
import { issuerKind } from './kind.ts';

const id = Type.String({ pattern: '^[1-9][0-9]{0,18}$' });
const yesOrNo = Type.Enum(['true', 'false']);
const text = Type.String({ minLength: 1, maxLength: 1024, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' });
const optional = Type.Optional(text);

/** Open: GitLab adds claims. `sub` is not here, since a project chooses what is in it. */
const ClaimsSchema = Type.Object({
  project_id: id,
  project_path: text,
  job_project_id: Type.Optional(id),
  user_id: id,
  user_login: text,
  user_access_level: optional,
  job_id: id,
  pipeline_source: text,
  ref: text,
  ref_type: Type.Enum(['branch', 'tag']),
  ref_path: optional,
  ref_protected: yesOrNo,
  sha: Type.String({ pattern: '^[0-9a-f]{40}$' }),
  environment: optional,
  environment_protected: Type.Optional(yesOrNo),
  deployment_tier: optional,
  ci_config_ref_uri: optional,
  runner_environment: optional,
});

const forms = {
  project_id: 'text',
  ref_protected: 'yes-or-no',
  ref_type: 'text',
  pipeline_source: 'text',
  environment: 'text',
  environment_protected: 'yes-or-no',
  deployment_tier: 'text',
  user_login: 'text',
  user_id: 'text',
  user_access_level: ['guest', 'reporter', 'developer', 'maintainer', 'owner'],
  ci_config_ref_uri: 'text',
  runner_environment: 'text',
} as const;

/** Pipelines that run code nobody has merged, whatever branch their token names. */
const unmerged: ReadonlySet<string> = new Set(['merge_request_event', 'external_pull_request_event']);

export const gitlab = issuerKind(
  ClaimsSchema,
  { forms, project: 'project_id', ofRef: ['ref_protected', 'ref_type'] },
  claims => {
    const { project_id, job_project_id, ref, ref_type, ref_path, user_id, user_login, project_path, job_id, sha } =
      claims;
    // A fork's merge request may run here and name the branch of the project it wants to get into (gitlab#548165).
    if (job_project_id !== undefined && job_project_id !== project_id)
      return refuse(
        'E_FORK_PIPELINE',
        `the job runs in project ${job_project_id} for code of project ${project_id}: a fork's pipeline`,
        'run it in a pipeline of a branch of the project itself',
      );
    const fullName = `${ref_type === 'tag' ? 'refs/tags' : 'refs/heads'}/${ref}`;
    const isMergeRequest = unmerged.has(claims.pipeline_source);
    if (ref_path !== undefined && ref_path !== fullName && !isMergeRequest)
      return refuse('E_TOKEN_CLAIMS', 'claims `ref`, `ref_type` and `ref_path` do not name one ref');
    return ok({
      job: job_id,
      user: user_id,
      login: user_login,
      project: project_path,
      ref: fullName,
      commit: sha,
      isMergeRequest,
    });
  },
);
