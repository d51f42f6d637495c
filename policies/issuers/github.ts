/** GitHub Actions' ID tokens (docs.github.com, "OpenID Connect reference"): the same core, other claims. */
import { Type } from 'typebox';
import { ok } from '../contract/error.ts';
import { issuerKind } from './kind.ts';

const id = Type.String({ pattern: '^[1-9][0-9]{0,18}$' });
const text = Type.String({ minLength: 1, maxLength: 1024, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' });
const optional = Type.Optional(text);

const ClaimsSchema = Type.Object({
  repository_id: id,
  repository: text,
  actor_id: id,
  actor: text,
  run_id: id,
  run_attempt: id,
  event_name: text,
  ref: text,
  ref_type: optional,
  ref_protected: Type.Optional(Type.Enum(['true', 'false'])),
  sha: Type.String({ pattern: '^[0-9a-f]{40}$' }),
  environment: optional,
  runner_environment: optional,
  job_workflow_ref: optional,
});

const forms = {
  repository_id: 'text',
  event_name: 'text',
  ref_type: 'text',
  ref_protected: 'yes-or-no',
  environment: 'text',
  actor: 'text',
  actor_id: 'text',
  runner_environment: 'text',
  job_workflow_ref: 'text',
} as const;

/** `merge_group` runs for code that is about to be merged, and is not yet. */
const unmerged = /^(pull_request|merge_group)/;

export const github = issuerKind(
  ClaimsSchema,
  { forms, project: 'repository_id', ofRef: ['ref_protected', 'ref_type'] },
  claims =>
    ok({
      // A token does not name its job: the attempt of the run and the workflow it was made in come closest.
      job: [claims.run_id, claims.run_attempt, ...(claims.job_workflow_ref ? [claims.job_workflow_ref] : [])].join('/'),
      user: claims.actor_id,
      login: claims.actor,
      project: claims.repository,
      ...(unmerged.test(claims.event_name) ? {} : { ref: claims.ref }),
      commit: claims.sha,
      isMergeRequest: unmerged.test(claims.event_name),
    }),
);
