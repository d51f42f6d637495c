import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Asker, callerOf, nobodyInParticular } from '../../policies/contract/identity.ts';
import type { RequestBody } from '../../policies/contract/request.ts';
import { allowsRef, type Decision, evaluate, mayBeApplied } from '../../policies/evaluate.ts';
import { github } from '../../policies/issuers/github.ts';
import { canonicalPath } from '../../policies/path.ts';
import { fullRef } from '../../policies/ref.ts';
import { canonicalRequest } from '../../policies/request.ts';
import { gitlabAsker } from '../support/asker.ts';
import { githubClaims, tokenCommit } from '../support/issuer-claims.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';

type RuleFile = Readonly<Record<string, unknown>>;

const issuerAt = (host: string, kind = 'gitlab') => ({
  kind,
  issuer: `https://${host}`,
  audience: 'deployer',
  jwks_url: `https://${host}/keys`,
});
const policyOf = (rules: readonly RuleFile[]) =>
  policyFrom({
    version: 1,
    issuers: {
      gitlab: issuerAt('a.example.com'),
      other: issuerAt('b.example.com'),
      hub: issuerAt('c.example.com', 'github'),
    },
    repositories: { infra: { url: '/srv/infra.git', rules: rules.map((rule, at) => ({ ...rule, name: `r${at}` })) } },
  });
const decide = (rules: readonly RuleFile[], request: RequestBody, asker: Asker): Decision =>
  evaluate(policyOf(rules), value(canonicalRequest(request)), asker);

/** What a decision lets happen: the refs, or `reachable`. */
const allowedBy = (decision: Decision): readonly string[] => {
  if (decision.outcome === 'deny') return [];
  return decision.refs === 'reachable' ? ['reachable'] : decision.refs.map(({ ref }) => ref);
};

const some = <T>(...items: readonly T[]) => fc.uniqueArray(fc.constantFrom(...items), { minLength: 1, maxLength: 3 });
const place = {
  refs: some('refs/heads/**', 'refs/heads/main', 'refs/tags/**', 'refs/tags/v*'),
  paths: some('**', 'prod/**', 'prod'),
};
const commands = some('plan', 'apply');
const conditions = fc
  .record(
    {
      project_id: fc.constantFrom<unknown>(20, '20', ['20', '21'], '666'),
      ref_protected: fc.boolean(),
      pipeline_source: some('push', 'web', 'merge_request_event'),
      user_access_level: fc.constantFrom('developer', 'maintainer'),
      issuer: fc.constantFrom('gitlab', 'other'),
    },
    { requiredKeys: ['project_id', 'issuer'] },
  )
  .map((body): unknown => body);
const open = fc.record({ allow: commands, ...place });
const bound = fc.record({ allow: commands, ...place, identity: conditions });
const fourEyes = fc.record({
  allow: fc.constantFrom(['apply'], ['plan', 'apply']),
  ...place,
  identity: conditions,
  distinct_applier: fc.constant(true),
});
const denies = fc.record({ deny: commands, ...place, identity: conditions }, { requiredKeys: ['deny'] });
const anyRules: fc.Arbitrary<RuleFile[]> = fc.array(fc.oneof<fc.Arbitrary<RuleFile>[]>(open, bound, fourEyes, denies), {
  minLength: 1,
  maxLength: 4,
});

const sha = '0b497ce3f39c5cd2bf4e4d9d0bd0b3a1b7a0c8d1';
const requests: fc.Arbitrary<RequestBody> = fc
  .record(
    {
      command: fc.constantFrom('plan', 'apply'),
      path: fc.constantFrom('prod', 'prod/vpc', 'staging'),
      ref: fc.constantFrom('main', 'v1', 'refs/heads/main', 'refs/tags/v1', 'refs/tags/main', tokenCommit),
      sha: fc.constantFrom(tokenCommit, sha),
    },
    { requiredKeys: ['command', 'path', 'ref'] },
  )
  // A commit that is asked for is the one that is meant.
  .map(request => (request.ref === tokenCommit && request.sha ? { ...request, sha: tokenCommit } : request));
const tokens: fc.Arbitrary<Asker> = fc
  .record({
    claims: fc.record({
      pipeline_source: fc.constantFrom('push', 'web', 'schedule', 'merge_request_event', 'external_pull_request_event'),
      ref_protected: fc.constantFrom('true', 'false'),
      user_access_level: fc.constantFrom('developer', 'owner'),
      ref: fc.constantFrom('main', 'v1', 'feature'),
      ref_type: fc.constantFrom('branch', 'tag'),
      ref_path: fc.constant(undefined),
    }),
    planners: fc.subarray(['gitlab:7', 'gitlab:8', 'other:7']),
    issuer: fc.constantFrom('gitlab', 'gitlab', 'gitlab', 'other'),
  })
  .map(({ claims, planners, issuer }) => gitlabAsker(claims, planners, issuer));
const askers = fc.oneof(fc.constant(nobodyInParticular), tokens);

/** Rules that would let anybody do everything, so that what is denied is denied by the token. */
const generous = (identity?: object): RuleFile[] => [
  { allow: ['plan', 'apply'], refs: ['refs/heads/**', 'refs/tags/**'], paths: ['**'], ...(identity && { identity }) },
];
const generousToBoth = ['gitlab', 'other'].flatMap(issuer => generous({ issuer, project_id: 20 }));

describe('whoever asks', () => {
  test('with an ID token is never helped by a rule without `identity`', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(open, denies), { minLength: 1, maxLength: 4 }),
        requests,
        tokens,
        (rules, request, asker) => {
          expect(decide([...rules, ...generous()], request, asker).outcome).toBe('deny');
        },
      ),
    );
    expect(decide(generous(), { command: 'apply', path: 'prod', ref: 'main' }, nobodyInParticular).outcome).toBe(
      'allow',
    );
  });

  test("with a machine's token is never helped by a rule with `identity`", () => {
    const withIdentity = fc.array(fc.oneof<fc.Arbitrary<RuleFile>[]>(bound, fourEyes, denies), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(withIdentity, requests, (rules, request) => {
        expect(decide([...rules, ...generousToBoth], request, nobodyInParticular).outcome).toBe('deny');
      }),
    );
  });

  test('is never allowed more after a deny rule is added', () => {
    let allowed = 0;
    fc.assert(
      fc.property(anyRules, denies, requests, askers, (rules, added, request, asker) => {
        const before = allowedBy(decide([...rules, ...generousToBoth], request, asker));
        const after = allowedBy(decide([added, ...rules, ...generousToBoth], request, asker));
        expect(before).toEqual(expect.arrayContaining([...after]));
        allowed += before.length;
      }),
      { numRuns: 500 },
    );
    expect(allowed).toBeGreaterThan(50);
  });

  test('applies only from the ref and of the commit that the token is for, and never from a merge request', () => {
    let allowed = 0;
    fc.assert(
      fc.property(anyRules, requests, tokens, (rules, request, asker) => {
        const apply = { ...request, command: 'apply' } as const;
        const decision = decide([...rules, ...generousToBoth], apply, asker);
        if (decision.outcome === 'deny') return;
        allowed++;
        expect(allowedBy(decision)).toEqual([asker.identity?.ref]);
        expect(decision.commit).toBe(asker.identity?.commit);
        expect(apply.sha ?? tokenCommit).toBe(tokenCommit);
        expect(asker.identity?.isMergeRequest).toBe(false);
        const { ref } = value(canonicalRequest(apply));
        expect(ref.kind === 'short' ? ref.candidates : [ref.kind === 'full' && ref.ref]).toContain(asker.identity?.ref);
      }),
      { numRuns: 1_000 },
    );
    // About 65 of them; far enough below that chance alone never fails it.
    expect(allowed).toBeGreaterThan(20);
  });

  test('is decided the same where the ref is asked for alone', () => {
    fc.assert(
      fc.property(anyRules, requests, askers, (rules, request, asker) => {
        const policy = policyOf(rules);
        const { command, path } = value(canonicalRequest(request));
        const ref = asker.identity?.ref ?? 'refs/heads/main';
        const decision = evaluate(policy, value(canonicalRequest({ ...request, ref, sha: tokenCommit })), asker);
        fc.pre(command === 'plan' || !asker.identity?.isMergeRequest);
        const [repository] = policy.repositories.values();
        const alone = repository && allowsRef(repository, command, path, value(fullRef(ref)), asker);
        expect(alone?.rule).toBe(decision.outcome === 'allow' ? decision.rule : undefined);
      }),
    );
  });

  test('is told a plan of any commit, and the commit only of an apply', () => {
    const plan = decide(generousToBoth, { command: 'plan', path: 'prod', ref: sha }, gitlabAsker());
    expect(plan).toMatchObject({ outcome: 'allow', refs: 'reachable' });
    expect(plan).not.toHaveProperty('commit');
  });

  test('by GitHub is held to the same', () => {
    const ask = (claims: object, command: 'plan' | 'apply' = 'apply', ref = 'main') => {
      const identity = value(github.identify('hub', { ...githubClaims, ...claims }));
      const decision = decide(
        generous({ issuer: 'hub', repository_id: 74 }),
        { command, path: 'prod', ref },
        { identity, planners: [] },
      );
      return decision.outcome === 'allow' ? 'allow' : decision.reasons.map(({ code }) => code);
    };
    expect(ask({})).toBe('allow');
    expect(ask({ repository_id: '75' })).toEqual(['E_CLAIM_NOT_ALLOWED']);
    expect(ask({ ref: 'refs/heads/feature' })).toEqual(['E_TOKEN_REF']);
    expect(ask({ event_name: 'pull_request', ref: 'refs/pull/7/merge' }, 'plan')).toBe('allow');
    expect(ask({ event_name: 'pull_request', ref: 'refs/pull/7/merge' })).toEqual(['E_MERGE_REQUEST_PIPELINE']);
    expect(ask({ event_name: 'pull_request' }, 'apply', tokenCommit)).toEqual(
      expect.arrayContaining(['E_MERGE_REQUEST_PIPELINE', 'E_COMMIT_PLAN_ONLY']),
    );
  });
});

describe('a denial', () => {
  const identity = { issuer: 'gitlab', project_id: [20, 21], environment: 'prod' };
  const reasonOf = (asker: Asker, rules = generous(identity)) => {
    const decision = decide(rules, { command: 'apply', path: 'prod', ref: 'main' }, asker);
    return decision.outcome === 'deny' ? decision.reasons.map(({ message }) => message) : [];
  };
  test.each<[string, Asker, string]>([
    [
      'the claim that is another, and never what is wanted',
      gitlabAsker({ environment: 'staging' }),
      'rule `r0` wants another `environment`, the token says `staging`',
    ],
    [
      'nothing but the project to a job of another one',
      gitlabAsker({ project_id: '9', job_project_id: '9', environment: 'staging' }),
      'rule `r0` wants another `project_id`, the token says `9`',
    ],
    [
      'the claim that is missing',
      gitlabAsker({ environment: undefined }),
      'rule `r0` wants another `environment`, the token does not have it',
    ],
    ['the issuer', gitlabAsker({}, [], 'other'), 'rule `r0` wants another `iss`, the token says `other`'],
    ["that a machine's token is none", nobodyInParticular, 'rule `r0` wants an ID token'],
  ])('names %s', (_, asker, message) => {
    expect(reasonOf(asker)).toEqual([message]);
  });

  test('names what the token is for, and what was asked', () => {
    const asker = gitlabAsker({ ref: 'feature', ref_path: undefined });
    expect(reasonOf(asker)).toEqual(['the token is for `refs/heads/feature`, the request for `main`']);
    const nowhere = { planners: [], identity: { ...value(github.identify('hub', githubClaims)), ref: undefined } };
    const { ref: _, ...rest } = nowhere.identity;
    expect(reasonOf({ ...nowhere, identity: rest })[0]).toBe('the token is for `no ref`, the request for `main`');
  });

  test('says who is missing for four eyes', () => {
    const rules = [{ ...generous({ issuer: 'gitlab', project_id: 20 })[0], distinct_applier: true }];
    expect(reasonOf(gitlabAsker(), rules)).toEqual([
      'rule `r0` wants a plan by somebody else in a merge request, and there is none',
    ]);
    expect(reasonOf(gitlabAsker({}, ['gitlab:7']), rules)).toEqual([
      'rule `r0` wants somebody to apply who did not plan it in the merge request',
    ]);
  });

  test('of a path or ref that is not for anybody says that, whoever asks', () => {
    const rules = [{ ...generous(identity)[0], refs: ['refs/heads/release'] }];
    expect(reasonOf(nobodyInParticular, rules)).toEqual(['rule `r0` allows apply of this path, but not from this ref']);
  });
});

describe('mayBeApplied', () => {
  const asks = (rules: readonly RuleFile[], { ref = 'refs/heads/main', path = 'prod', asker = gitlabAsker() } = {}) => {
    const [repository] = policyOf(rules).repositories.values();
    return repository && mayBeApplied(repository, value(canonicalPath(path)), value(fullRef(ref)), asker);
  };
  const forOne = { issuer: 'gitlab', project_id: 20 };

  test('holds where anybody at all may apply', () => {
    expect(asks(generous())).toBe(true);
    expect(asks(generous(forOne))).toBe(true);
    expect(asks([...generous(forOne), { deny: ['apply'], identity: { issuer: 'gitlab', user_login: 'intern' } }])).toBe(
      true,
    );
  });

  test('does not hold where nobody may', () => {
    expect(asks([{ allow: ['plan'], refs: ['refs/heads/**'], paths: ['**'] }])).toBe(false);
    expect(asks([...generous(forOne), { deny: ['apply'] }])).toBe(false);
    expect(asks([{ deny: ['apply'], identity: forOne }])).toBe(false);
    expect(asks(generous(), { ref: 'refs/merge-requests/7/head' })).toBe(false);
    expect(asks([{ ...generous()[0], paths: ['lab'] }])).toBe(false);
  });

  describe('where an apply must be from a protected ref', () => {
    const rules = generous({ ...forOne, ref_protected: true, user_access_level: 'owner', environment: 'prod' });
    const denied = [...generous(forOne), { deny: ['apply'], identity: { issuer: 'gitlab', ref_protected: false } }];

    test.each<[string, boolean, Asker, string?]>([
      ['a job on such a ref, whoever started it and whatever for', true, gitlabAsker({ environment: undefined })],
      ['a job on another', false, gitlabAsker({ ref_protected: 'false' })],
      ['a job on such a ref that plans another', false, gitlabAsker(), 'refs/heads/feature'],
      [
        'a job of another project, where the ref of that name is protected',
        false,
        gitlabAsker({ project_id: '21', job_project_id: '21' }),
      ],
      ['a job for a merge request', false, gitlabAsker({ pipeline_source: 'merge_request_event' })],
      ['a job of another issuer', false, gitlabAsker({}, [], 'other')],
      ['a token that says nothing of its ref', false, nobodyInParticular],
    ])('%s: %s', (_, holds, asker, ref = 'refs/heads/main') => {
      expect(asks(rules, { asker, ref })).toBe(holds);
      const isElsewhere = asker.identity?.claims.project_id === '21' || asker.identity?.issuer === 'other';
      expect(asks(denied, { asker, ref })).toBe(holds || isElsewhere);
    });
  });
});

test('whoever asks is called by login, project and job', () => {
  const { identity } = gitlabAsker();
  expect(identity && callerOf(identity)).toBe('anna.k via acme/infra-live job 302');
});

describe('a deny rule with an identity', () => {
  const asks = (deny: Record<string, unknown>, claims: Record<string, unknown>) =>
    decide(
      [...generous({ issuer: 'gitlab', project_id: 20 }), { deny: ['apply'], identity: { issuer: 'gitlab', ...deny } }],
      { command: 'apply', path: 'prod', ref: 'main' },
      gitlabAsker(claims),
    ).outcome;
  test.each([
    ['a claim that is as it says', { runner_environment: 'self-hosted' }, {}, 'deny'],
    ['a claim that is otherwise', { runner_environment: 'gitlab-hosted' }, {}, 'allow'],
    ['a claim that is left out', { environment_protected: false }, { environment_protected: undefined }, 'deny'],
    ['a level that nobody knows', { user_access_level: 'owner' }, { user_access_level: 'planner' }, 'deny'],
    ['a level below', { user_access_level: 'owner' }, { user_access_level: 'guest' }, 'allow'],
  ] as const)('meets %s', (_, deny, claims, outcome) => {
    expect(asks(deny, claims)).toBe(outcome);
  });
});
