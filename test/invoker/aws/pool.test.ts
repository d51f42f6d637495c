import { expect, test } from 'vitest';
import { poolOf } from '../../../invoker/aws/pool.ts';
import { keepsPlan } from '../../../invoker/plan-receipt.ts';
import type { WorkerKind } from '../../../invoker/run.ts';
import { type Asker, nobodyInParticular } from '../../../policies/contract/identity.ts';
import { fullRef } from '../../../policies/ref.ts';
import { gitlabAsker } from '../../support/asker.ts';
import { policyFrom } from '../../support/policy.ts';
import { value } from '../../support/value.ts';
import { queuedRun } from '../sample-run.ts';

const host = 'https://gitlab.example.com';
const [repository] = policyFrom({
  version: 1,
  issuers: { gitlab: { kind: 'gitlab', issuer: host, audience: 'deployer', jwks_url: `${host}/keys` } },
  repositories: {
    'infra-live': {
      url: '/srv/infra-live.git',
      rules: [
        {
          name: 'protected',
          allow: ['apply'],
          refs: ['refs/heads/**'],
          paths: ['prod/**'],
          identity: { project_id: 20, ref_protected: true, user_access_level: 'maintainer' },
        },
      ],
    },
  },
}).repositories.values();
if (repository === undefined) throw new Error('the policy has a repository');

const [main, feature, tag] = ['refs/heads/main', 'refs/heads/feature', 'refs/tags/main'] as const;
const developer = { user_access_level: 'developer', environment: undefined };
const jobOn = (ref: string, ref_protected: boolean) =>
  gitlabAsker({ ...developer, ref, ref_path: `refs/heads/${ref}`, ref_protected: `${ref_protected}` });

/** What was asked for may turn out to be any of these refs, and is the first. */
test.each<[string, boolean, Asker, readonly [string, ...string[]]]>([
  ["of a protected branch, made by its own job, whoever's", true, jobOn('main', true), [main]],
  [
    'of a branch that anybody may push, which a rule lets apply where it is protected',
    false,
    jobOn('feature', false),
    [feature],
  ],
  ['of a branch that anybody may push, made by a job on a protected one', false, jobOn('main', true), [feature]],
  ['of a protected branch, made by a job on another', false, jobOn('feature', false), [main]],
  ['of a name that may be a tag of anybody', false, jobOn('main', true), [main, tag]],
  ['by a token that knows nothing of the ref', false, nobodyInParticular, [main]],
])('a plan %s: reviewed code, and kept: %s', (_, isReviewed, asker, names) => {
  const refs = names.map(name => ({ ref: value(fullRef(name)), rule: 'protected' }));
  const run = { ...queuedRun(), refs, asker, worker: 'lambda' as const };
  expect(poolOf(run, repository)).toBe(isReviewed ? 'apply' : 'plan');
  expect(keepsPlan(repository, run, names[0])).toBe(isReviewed);
});

test.each<[WorkerKind, boolean]>([
  ['lambda', false],
  ['fargate', true],
  ['process', true],
])('only where environments are shared a plan is not kept for what its ref might have been: %s', (worker, isKept) => {
  const refs = [main, tag].map(name => ({ ref: value(fullRef(name)), rule: 'protected' }));
  expect(keepsPlan(repository, { ...queuedRun(), refs, asker: jobOn('main', true), worker }, main)).toBe(isKept);
});
