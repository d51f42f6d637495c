import { describe, expect, test } from 'vitest';
import type { Identity } from '../../policies/contract/identity.ts';
import {
  type ConditionBody,
  conditionOf,
  flawOf,
  type IdentityBody,
  unmet,
} from '../../policies/identity-condition.ts';
import { kinds } from '../../policies/issuers/kinds.ts';
import { gitlabAsker } from '../support/asker.ts';

const identityOf = (claims = {}): Identity => {
  const { identity } = gitlabAsker(claims);
  if (identity === undefined) throw new Error('no identity');
  return identity;
};

/** The claims that are not as asked, of the usual GitLab job with `claims` laid over. */
const unmetBy = (body: IdentityBody, claims = {}): string[] =>
  unmet(conditionOf('gitlab', kinds.gitlab, body), identityOf(claims)).map(({ claim }) => claim);

describe('a condition', () => {
  test.each<[string, IdentityBody, object]>([
    ['a number that the token has as text', { project_id: 20 }, {}],
    ['one of several', { pipeline_source: ['web', 'push'] }, {}],
    ['a yes', { ref_protected: true }, { ref_protected: 'true' }],
    ['a no', { ref_protected: false }, { ref_protected: 'false' }],
    ['the least level', { user_access_level: 'maintainer' }, { user_access_level: 'maintainer' }],
    ['a level above it', { user_access_level: 'reporter' }, { user_access_level: 'owner' }],
    ['nothing but the issuer', { issuer: 'gitlab' }, {}],
  ])('is met by %s', (_, body, claims) => {
    expect(unmetBy(body, claims)).toEqual([]);
  });

  test.each<[string, IdentityBody, object, string[]]>([
    ['another number', { project_id: 20 }, { project_id: '2', job_project_id: '2' }, ['project_id']],
    ['a no where a yes is wanted', { ref_protected: true }, { ref_protected: 'false' }, ['ref_protected']],
    ['a yes where a no is wanted', { ref_protected: false }, { ref_protected: 'true' }, ['ref_protected']],
    ['a level below', { user_access_level: 'maintainer' }, { user_access_level: 'developer' }, ['user_access_level']],
    ['a level that nobody knows', { user_access_level: 'guest' }, { user_access_level: 'root' }, ['user_access_level']],
    ['other letters', { user_login: 'anna.k' }, { user_login: 'Anna.K' }, ['user_login']],
    ['a part of it', { environment: 'prod' }, { environment: 'prod/eu' }, ['environment']],
    ['a star, which is no pattern here', { environment: '*' }, {}, ['environment']],
    ['a claim that is missing', { environment: 'prod', project_id: 20 }, { environment: undefined }, ['environment']],
    [
      'a missing claim where a no is wanted',
      { environment_protected: false },
      { environment_protected: undefined },
      ['environment_protected'],
    ],
    ['more than one claim', { user_id: 1, project_id: 1 }, {}, ['project_id', 'user_id']],
  ])('is not met by %s', (_, body, claims, wrong) => {
    expect(unmetBy(body, claims)).toEqual(wrong);
  });

  test('is not met by what objects have of themselves', () => {
    const condition = {
      issuer: 'gitlab',
      project: 'project_id',
      claims: [{ claim: 'constructor', oneOf: new Set(['']) }],
    };
    expect(unmet(condition, identityOf())).toEqual([{ claim: 'constructor', given: undefined }]);
  });

  test('is met by no token of another issuer, and says so alone', () => {
    const condition = conditionOf('other', kinds.gitlab, { project_id: 1 });
    expect(unmet(condition, identityOf())).toEqual([{ claim: 'iss', given: 'gitlab' }]);
  });

  test('of a claim without a form is met by exactly its text', () => {
    expect(conditionOf('gitlab', kinds.gitlab, { shoe_size: 42 })).toEqual({
      issuer: 'gitlab',
      project: 'project_id',
      claims: [{ claim: 'shoe_size', oneOf: new Set(['42']) }],
    });
  });
});

describe('flawOf', () => {
  const levels = ['guest', 'owner'] as const;
  test.each<[Parameters<typeof flawOf>[0], ConditionBody, string]>([
    ['text', 'a', ''],
    ['text', 20, ''],
    ['text', ['a', 20], ''],
    ['text', true, 'must be a text or a list of texts'],
    ['text', ['a', true], 'must be a text or a list of texts'],
    ['yes-or-no', true, ''],
    ['yes-or-no', 'true', 'must be `true` or `false`, without quotes'],
    ['yes-or-no', ['true'], 'must be `true` or `false`, without quotes'],
    [levels, 'owner', ''],
    [levels, 'Owner', 'must be the least of guest, owner'],
    [levels, ['guest'], 'must be the least of guest, owner'],
    [levels, 50, 'must be the least of guest, owner'],
  ])('of %j and %j is %j', (form, body, flaw) => {
    expect(flawOf(form, body)).toBe(flaw);
  });
});
