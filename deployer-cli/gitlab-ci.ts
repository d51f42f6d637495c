/** What a GitLab job's variables say about the commit it runs for. Hints for defaults: the server believes none of them. */
import type { Setting } from './given.ts';
import type { Env } from './invocation.ts';

export interface PipelineFacts {
  readonly ref?: Setting;
  readonly sha?: Setting;
  readonly title?: string;
}

/** Nothing outside GitLab CI. https://docs.gitlab.com/ci/variables/predefined_variables/ */
export function readPipeline(env: Env): PipelineFacts | undefined {
  if (env.GITLAB_CI !== 'true') return undefined;
  const ref = refOf(env);
  return {
    ...(ref ? { ref } : {}),
    ...(env.CI_COMMIT_SHA ? { sha: { value: env.CI_COMMIT_SHA, source: 'CI_COMMIT_SHA' } } : {}),
    ...(env.CI_COMMIT_TITLE ? { title: env.CI_COMMIT_TITLE } : {}),
  };
}

function refOf(env: Env): Setting | undefined {
  const from = (source: string, before: string, after = ''): Setting | undefined =>
    env[source] ? { value: `${before}${env[source]}${after}`, source } : undefined;

  // CI_COMMIT_BRANCH is absent in tag and merge request pipelines.
  const plain = from('CI_COMMIT_TAG', 'refs/tags/') ?? from('CI_COMMIT_BRANCH', 'refs/heads/');
  if (plain) return plain;
  const kind = env.CI_MERGE_REQUEST_EVENT_TYPE;
  // The commit of a merged-result pipeline is GitLab's temporary merge, which is on no branch.
  if (kind === 'merged_result') return from('CI_MERGE_REQUEST_IID', 'refs/merge-requests/', '/merge');
  if (kind === 'detached') {
    // A fork's branch is not in this repository; the merge request's head is.
    const source = env.CI_MERGE_REQUEST_SOURCE_PROJECT_ID;
    const target = env.CI_MERGE_REQUEST_PROJECT_ID;
    return source && target && source !== target
      ? from('CI_MERGE_REQUEST_IID', 'refs/merge-requests/', '/head')
      : from('CI_MERGE_REQUEST_SOURCE_BRANCH_NAME', 'refs/heads/');
  }
  return from('CI_COMMIT_REF_NAME', '');
}
