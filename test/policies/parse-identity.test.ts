import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkAllowlist } from '../../policies/check-policy.ts';
import { parseAllowlist } from '../../policies/parse.ts';
import { policyFrom } from '../support/policy.ts';

const example = readFileSync(join(import.meta.dirname, '../../policies/allowlist.yaml'), 'utf8');

const problemsOf = (text: string): readonly string[] => {
  const parsed = parseAllowlist(text, 'policy.yaml');
  return parsed.ok ? [] : parsed.problems;
};

/** The example as it is when its commented settings are taken in, but for trust without an ID token. */
const trusting = example.replaceAll(/^( *)# (?!trust_invoker)(?= *(?:- )?[A-Za-z_]+: ?)/gm, '$1');

describe('identity in a policy', () => {
  const withIdentity = (piece: string, replacement: string) => {
    expect(trusting).toContain(piece);
    return problemsOf(trusting.replace(piece, replacement));
  };

  test('is read from the comments of the example', () => {
    const policy = policyFrom(trusting);
    expect(policy.trustInvoker).toBe(false);
    expect(policy.issuers).toEqual(
      new Map([
        [
          'gitlab',
          {
            name: 'gitlab',
            kind: 'gitlab',
            issuer: 'https://gitlab.example.com',
            audience: 'https://infra-deployer.example.com',
            jwksUrl: 'https://gitlab.example.com/oauth/discovery/keys',
            maxAgeSeconds: 3600,
          },
        ],
      ]),
    );
    expect(policy.repositories.get('infra-live')?.rules[1]).toMatchObject({
      identity: {
        issuer: 'gitlab',
        claims: [
          { claim: 'project_id', oneOf: new Set(['20']) },
          { claim: 'ref_protected', oneOf: new Set(['true']) },
          { claim: 'environment', oneOf: new Set(['prod', 'prod-eu']) },
          { claim: 'user_access_level', oneOf: new Set(['maintainer', 'owner']) },
        ],
      },
      distinctApplier: true,
    });
  });

  test('has a usual age, pinned keys, and trust in the invoker only where it says so', () => {
    const jwks = { keys: [{ kty: 'RSA', kid: 'a', n: 'AQAB', e: 'AQAB', use: 'sig', alg: 'RS256' }] };
    const pinned = trusting
      .replace(/jwks_url: .*/, `jwks: ${JSON.stringify(jwks)}`)
      .replace(/max_age_seconds: .*/, '')
      .replace('version: 1', 'version: 1\ntrust_invoker: true');
    const policy = policyFrom(pinned);
    expect(policy.issuers.get('gitlab')).toMatchObject({ jwks, maxAgeSeconds: 3600 });
    expect(policy.issuers.get('gitlab')).not.toHaveProperty('jwksUrl');
    expect(policy.trustInvoker).toBe(true);
  });

  test('names the issuer where there are several', () => {
    const second = {
      kind: 'github',
      issuer: 'https://token.actions.example.com',
      audience: 'a',
      jwks_url: 'http://localhost:1/keys',
    };
    const two = trusting.replace('issuers:', `issuers:\n  actions: ${JSON.stringify(second)}`);
    expect(problemsOf(two)).toEqual([
      expect.stringMatching(
        /^policy\.yaml:\d+: .*rules\[1\]\.identity` does not say whose tokens it means; fix: add `issuer`, the name of/,
      ),
    ]);
    expect(problemsOf(two.replace('identity:', 'identity:\n          issuer: gitlab'))).toEqual([]);
    const hub = two.replace(
      /identity:[\s\S]*?distinct/,
      'identity: {issuer: actions, repository_id: 7}\n        distinct',
    );
    expect(policyFrom(hub).repositories.get('infra-live')?.rules[1]?.identity).toMatchObject({ issuer: 'actions' });
  });

  const line = (piece: string) => trusting.slice(0, trusting.indexOf(piece)).split('\n').length;
  const project = 'project_id: "20"';
  const url = 'jwks_url: https://gitlab.example.com/oauth/discovery/keys';
  const key = '{kty: RSA, kid: a, n: AQAB, e: AQAB}';

  test.each([
    [
      'a kind that is not known',
      'kind: gitlab',
      'kind: gitea',
      /\.kind` must be `gitlab` or `github`; fix: give gitlab/,
    ],
    ['an issuer without https', 'issuer: https:', 'issuer: http:', /\.issuer` does not have the right form; fix: give/],
    ['keys without https', url, url.replace('https:', 'http:'), /\.jwks_url` does not have the right form/],
    ['keys from this machine by name only', url, 'jwks_url: http://localhost.evil.com/k', /\.jwks_url` does not have/],
    ['keys with a password', url, 'jwks_url: https://a:b@gitlab.example.com/k', /\.jwks_url` does not have/],
    ['keys from a file', url, 'jwks_url: file:///etc/keys', /\.jwks_url` does not have/],
    ['no keys in a set', url, 'jwks: {keys: []}', /\.jwks\.keys` must not be empty/],
    [
      'a private key',
      url,
      `jwks: {keys: [${key.replace('}', ', d: AQAB}')}]}`,
      /\.keys\[0\]\.d` is not a key that is known/,
    ],
    ['a key of another kind', url, `jwks: {keys: [${key.replace('RSA', 'oct')}]}`, /\.kty` must be `RSA`/],
    ['a key to encrypt', url, `jwks: {keys: [${key.replace('}', ', use: enc}')}]}`, /\.use` must be `sig`/],
    ['an age of no time', 'max_age_seconds: 3600', 'max_age_seconds: 0', /\.max_age_seconds` must be >= 60/],
    ['an age of more than a day', 'max_age_seconds: 3600', 'max_age_seconds: 86401', /must be <= 86400/],
    [
      'an empty audience',
      'audience: https://infra-deployer.example.com',
      'audience: ""',
      /\.audience` must not be empty/,
    ],
    ['an algorithm', url, `${url}\n    algorithms: [HS256]`, /\.algorithms` is not a key/, 1],
    [
      'a project that is missing',
      project,
      'user_id: 7',
      /\.identity` would believe every project of its issuer; fix: add `project_id`/,
      -1,
    ],
    [
      'a claim of another kind',
      project,
      `${project}\n          repository_id: 7`,
      /\.repository_id` is not a claim of gitlab; fix: its claims are project_id,/,
      1,
    ],
    [
      'a claim that is not known',
      project,
      `${project}\n          sub: x`,
      /\.sub` is not a key that is known here; fix: remove/,
      1,
    ],
    [
      'a yes in quotes',
      'ref_protected: true',
      'ref_protected: "true"',
      /\.ref_protected` must be `true` or `false`, without quotes/,
    ],
    [
      'a level that is not known',
      'level: maintainer',
      'level: root',
      /\.user_access_level` must be the least of guest, reporter/,
    ],
    [
      'a yes where a text belongs',
      '[prod, prod-eu]',
      'true',
      /\.environment` must be a text or a list of texts; fix: its/,
    ],
    [
      'a yes among texts',
      '[prod, prod-eu]',
      '[prod, true]',
      /\.environment` must be a text or a list of texts; fix: its/,
    ],
    ['no value at all', '[prod, prod-eu]', '[]', /\.environment` .*; fix: give a text, a list/],
    [
      'an issuer that is not there',
      project,
      `issuer: nobody\n          ${project}`,
      /\.identity` does not say whose tokens it means/,
      -1,
    ],
    [
      'an issuer of prototypes',
      project,
      `issuer: constructor\n          ${project}`,
      /\.identity` does not say whose tokens/,
      -1,
    ],
    [
      'four eyes of a plan',
      'allow: [apply]',
      'allow: [plan]',
      /` has `distinct_applier`, which needs `allow: \[apply\]` and `identity`/,
      -1,
    ],
    [
      'four eyes that may be shut',
      'distinct_applier: true',
      'distinct_applier: false',
      /\.distinct_applier` must be `true`/,
    ],
    [
      'trust that is not given',
      'version: 1',
      'version: 1\ntrust_invoker: false',
      /`trust_invoker` must be `true`; fix: give true/,
      1,
    ],
  ])('refuses %s, and names file, line and fix', (_, piece, replacement, problem, later = 0) => {
    const problems = withIdentity(piece, replacement);
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems[0]).toMatch(new RegExp(`^policy\\.yaml:${line(piece) + later}: .+; fix: .+$`));
  });

  test.each([
    ['no keys', '', /\.gitlab` must have either `jwks_url` or `jwks`; fix: keep one of them$/],
    ['keys in two places', `jwks: {keys: [${key}]}\n    ${url}`, /\.gitlab` must have either `jwks_url` or `jwks`/],
  ])('refuses an issuer with %s', (_, replacement, problem) => {
    expect(withIdentity(url, replacement)).toEqual([expect.stringMatching(problem)]);
  });

  test('refuses four eyes without an identity', () => {
    const blind = trusting.replace(/identity:[\s\S]*?distinct/, 'distinct');
    expect(problemsOf(blind)).toEqual([expect.stringMatching(/ has `distinct_applier`, which needs/)]);
  });

  test('refuses an issuer that is there twice, since a token could mean either', () => {
    const again =
      '\n  again: {kind: gitlab, issuer: https://gitlab.example.com, audience: b, jwks_url: https://a.example.com}';
    expect(withIdentity('issuers:', `issuers:${again}`)).toContainEqual(
      expect.stringMatching(/`issuers\.gitlab\.issuer` is the issuer of `again` too; fix: merge the two into one$/),
    );
  });

  test('refuses a name of an issuer that is a path', () => {
    expect(withIdentity('  gitlab:', '  ../x:')).toEqual([
      expect.stringMatching(/`issuers\.\.\.\/x` does not have a name that can be used; fix: give a name/),
    ]);
  });

  test('refuses an identity where there are no issuers, and none at all', () => {
    expect(problemsOf(trusting.replace(/^issuers:[\s\S]*?^repositories:/m, 'repositories:'))).toEqual([
      expect.stringMatching(/\.identity` does not say whose tokens it means/),
    ]);
    expect(problemsOf(trusting.replace(/^issuers:[\s\S]*?^repositories:/m, 'issuers: {}\nrepositories:'))).toEqual([
      expect.stringMatching(/`issuers` must not be empty/),
    ]);
  });

  test('needs no project in a rule that denies', () => {
    expect(withIdentity('deny: [plan, apply]', 'deny: [plan, apply]\n        identity: {user_login: intern}')).toEqual(
      [],
    );
  });

  test('takes issuers along, and leaves other repositories behind', () => {
    const other = '  other: {url: /srv/other.git, rules: [{name: a, deny: [plan]}]}\n';
    const [repository] = policyFrom(`${trusting}${other}`).repositories.values();
    const body = JSON.parse(JSON.stringify(repository?.body));
    expect(checkAllowlist(body)).toEqual({ ok: true, value: policyFrom(trusting) });
  });
});
