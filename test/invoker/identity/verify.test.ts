import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { usualKeyTimes } from '../../../invoker/identity/issuer-keys.ts';
import { isIdToken, tokenVerifier } from '../../../invoker/identity/verify.ts';
import type { Result } from '../../../policies/contract/error.ts';
import type { Identity } from '../../../policies/contract/identity.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { type Claims, tokenCommit } from '../../support/issuer-claims.ts';
import type { TokenOptions } from '../../support/issuer-token.ts';
import { policyFrom } from '../../support/policy.ts';

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.stop());

const policyWith = (issuers?: Claims) =>
  policyFrom({
    version: 1,
    ...(issuers && { issuers }),
    repositories: {
      infra: { url: '/srv/infra.git', rules: [{ name: 'a', allow: ['plan'], refs: ['refs/heads/**'], paths: ['**'] }] },
    },
  });

/** A verifier of its own, whose keys nobody has fetched yet. */
const verifierOf = (changes?: Claims, now = Date.now) => {
  const { issuers } = policyWith({ gitlab: issuer.policyIssuer(changes) });
  return tokenVerifier(async () => issuers, usualKeyTimes, now);
};

const codeOf = (result: Result<Identity>): string => (result.ok ? 'accepted' : result.problem.code);

/** Refused as it should be, by a verifier that accepts the same issuer's right token before and after. */
async function refusalOf(token: string, changes?: Claims) {
  const verify = verifierOf(changes);
  const good = changes?.kind === 'github' ? issuer.githubToken() : issuer.token();
  expect(codeOf(await verify(good))).toBe('accepted');
  const result = await verify(token);
  expect(codeOf(await verify(good))).toBe('accepted');
  return result.ok ? { code: 'accepted', message: '' } : result.problem;
}

const seconds = (from = 0) => Math.floor(Date.now() / 1000) + from;

describe('a right token', () => {
  test('of GitLab says who asks', async () => {
    expect(await verifierOf()(issuer.token())).toEqual({
      ok: true,
      value: {
        issuer: 'gitlab',
        job: '302',
        user: '7',
        login: 'anna.k',
        project: 'acme/infra-live',
        ref: 'refs/heads/main',
        commit: tokenCommit,
        isMergeRequest: false,
        claims: {
          project_id: '20',
          ref_protected: 'true',
          ref_type: 'branch',
          pipeline_source: 'push',
          environment: 'prod',
          environment_protected: 'true',
          deployment_tier: 'production',
          user_login: 'anna.k',
          user_id: '7',
          user_access_level: 'maintainer',
          ci_config_ref_uri: 'gitlab.example.com/acme/infra-live//.gitlab-ci.yml@refs/heads/main',
          runner_environment: 'self-hosted',
        },
      },
    });
  });

  test('of GitHub says the same by other claims', async () => {
    expect(await verifierOf({ kind: 'github' })(issuer.githubToken({}, { header: { x5t: 'abc' } }))).toEqual({
      ok: true,
      value: {
        issuer: 'gitlab',
        job: '9001/2/acme/infra-live/.github/workflows/deploy.yml@refs/heads/main',
        user: '12',
        login: 'anna-k',
        project: 'acme/infra-live',
        ref: 'refs/heads/main',
        commit: tokenCommit,
        isMergeRequest: false,
        claims: {
          repository_id: '74',
          event_name: 'push',
          ref_type: 'branch',
          ref_protected: 'true',
          environment: 'prod',
          actor: 'anna-k',
          actor_id: '12',
          runner_environment: 'github-hosted',
          job_workflow_ref: 'acme/infra-live/.github/workflows/deploy.yml@refs/heads/main',
        },
      },
    });
  });

  test.each<[string, () => Claims]>([
    ['says its audience in a list', () => ({ aud: ['https://vault.example.com', issuer.audience] })],
    ['expired 29 s ago', () => ({ exp: seconds(-29) })],
    ['begins and is issued 29 s from now', () => ({ iat: seconds(29), nbf: seconds(29) })],
    ['is as old as may be, and 29 s', () => ({ iat: seconds(-3629), nbf: seconds(-3634) })],
    ['has no beginning', () => ({ nbf: undefined })],
    ['is of an older GitLab', () => ({ job_project_id: undefined, ref_path: undefined, user_access_level: undefined })],
    ['has claims that nobody knows yet', () => ({ shoe_size: { eu: 42 } })],
    ['has another `sub`, which projects choose', () => ({ sub: 'project_path:acme/infra-live' })],
  ])('that %s is accepted', async (_, claims) => {
    expect(codeOf(await verifierOf()(issuer.token(claims())))).toBe('accepted');
  });
});

describe('refused is a token', () => {
  const attacks: [string, string, () => Claims, TokenOptions?][] = [
    ['without a signature', 'E_TOKEN_ALGORITHM', () => ({}), { signature: 'none' }],
    ['with alg `none` before a signature', 'E_TOKEN_ALGORITHM', () => ({}), { header: { alg: 'none' } }],
    ['with alg `NonE`', 'E_TOKEN_ALGORITHM', () => ({}), { header: { alg: 'NonE' } }],
    ['signed by HS256 with the public key', 'E_TOKEN_ALGORITHM', () => ({}), { signature: 'public-key' }],
    [
      'of HS256 that says RS256',
      'E_TOKEN_SIGNATURE',
      () => ({}),
      { signature: 'public-key', header: { alg: 'RS256' } },
    ],
    ['of RS256 that says PS256', 'E_TOKEN_ALGORITHM', () => ({}), { header: { alg: 'PS256' } }],
    ['without an algorithm', 'E_TOKEN_ALGORITHM', () => ({}), { header: { alg: undefined } }],
    ["signed by another key under the issuer's kid", 'E_TOKEN_SIGNATURE', () => ({}), { signature: 'stranger' }],
    ['whose kid is a file', 'E_TOKEN_KEY', () => ({}), { header: { kid: '../../dev/null' } }],
    ['whose kid is SQL', 'E_TOKEN_KEY', () => ({}), { header: { kid: "' OR 1=1 --" } }],
    ['whose kid is a name of prototypes', 'E_TOKEN_KEY', () => ({}), { header: { kid: '__proto__' } }],
    ['whose kid is a list', 'E_TOKEN_KEY', () => ({}), { header: { kid: ['a'] } }],
    ['without a kid', 'E_TOKEN_KEY', () => ({}), { header: { kid: undefined } }],
    ['with a `jku`', 'E_TOKEN_HEADER', () => ({}), { header: { jku: 'https://evil.example.com/keys' } }],
    ['with a `jwk`', 'E_TOKEN_HEADER', () => ({}), { header: { jwk: { kty: 'RSA' } } }],
    ['with an `x5u`', 'E_TOKEN_HEADER', () => ({}), { header: { x5u: 'https://evil.example.com/chain' } }],
    ['with an `x5c`', 'E_TOKEN_HEADER', () => ({}), { header: { x5c: ['MII'] } }],
    ['with `crit`', 'E_TOKEN_HEADER', () => ({}), { header: { crit: ['exp'] } }],
    ['with `b64`', 'E_TOKEN_HEADER', () => ({}), { header: { b64: false } }],
    ['for another audience', 'E_TOKEN_AUDIENCE', () => ({ aud: 'https://vault.example.com' })],
    ['for an audience with a slash', 'E_TOKEN_AUDIENCE', () => ({ aud: `${issuer.audience}/` })],
    ['for a list of other audiences', 'E_TOKEN_AUDIENCE', () => ({ aud: ['a', 'b'] })],
    ['for no audience', 'E_TOKEN_CLAIMS', () => ({ aud: undefined })],
    ['of another issuer', 'E_TOKEN_ISSUER', () => ({ iss: 'https://gitlab.com' })],
    ['whose issuer has a slash', 'E_TOKEN_ISSUER', () => ({ iss: `${issuer.url}/` })],
    ['whose issuer goes on', 'E_TOKEN_ISSUER', () => ({ iss: `${issuer.url}.evil.com` })],
    ['whose issuer is a list', 'E_TOKEN_CLAIMS', () => ({ iss: [issuer.url] })],
    ['of no issuer', 'E_TOKEN_CLAIMS', () => ({ iss: undefined })],
    ['that is expired', 'E_TOKEN_EXPIRED', () => ({ exp: seconds(-31) })],
    ['that never expires', 'E_TOKEN_CLAIMS', () => ({ exp: undefined })],
    ['whose expiry is a text', 'E_TOKEN_CLAIMS', () => ({ exp: `${seconds(600)}` })],
    ['that begins later', 'E_TOKEN_NOT_YET', () => ({ nbf: seconds(60) })],
    ['that was issued later', 'E_TOKEN_NOT_YET', () => ({ iat: seconds(60), nbf: undefined })],
    ['that was issued at no time', 'E_TOKEN_CLAIMS', () => ({ iat: undefined })],
    ['that was issued at a text', 'E_TOKEN_CLAIMS', () => ({ iat: `${seconds()}` })],
    ['that lives long and is old', 'E_TOKEN_TOO_OLD', () => ({ iat: seconds(-3640), exp: seconds(86_400) })],
    ["of a fork's pipeline", 'E_FORK_PIPELINE', () => ({ project_id: '666' })],
    ['whose yes is a boolean', 'E_TOKEN_CLAIMS', () => ({ ref_protected: true })],
    ['whose yes is another word', 'E_TOKEN_CLAIMS', () => ({ ref_protected: 'True' })],
    ['whose project is a number', 'E_TOKEN_CLAIMS', () => ({ project_id: 20, job_project_id: 20 })],
    ['whose project is a path', 'E_TOKEN_CLAIMS', () => ({ project_id: '20/../21', job_project_id: '20/../21' })],
    ['whose user is a number', 'E_TOKEN_CLAIMS', () => ({ user_id: 7 })],
    ['of no project', 'E_TOKEN_CLAIMS', () => ({ project_id: undefined })],
    ['of no job', 'E_TOKEN_CLAIMS', () => ({ job_id: undefined })],
    ['of no user', 'E_TOKEN_CLAIMS', () => ({ user_id: undefined })],
    ['that does not say if its ref is protected', 'E_TOKEN_CLAIMS', () => ({ ref_protected: undefined })],
    ['of a short commit', 'E_TOKEN_CLAIMS', () => ({ sha: tokenCommit.slice(0, 12) })],
    ['of neither branch nor tag', 'E_TOKEN_CLAIMS', () => ({ ref_type: 'heads' })],
    ['of a tag that says a branch', 'E_TOKEN_CLAIMS', () => ({ ref_type: 'tag' })],
    ['with a line break in a login', 'E_TOKEN_CLAIMS', () => ({ user_login: 'anna\nallow apply' })],
    ['of 8 KiB', 'E_TOKEN_TOO_LARGE', () => ({ padding: 'x'.repeat(8 * 1024) })],
    ['of 1 MB', 'E_TOKEN_TOO_LARGE', () => ({ padding: 'x'.repeat(1024 * 1024) })],
    ['whose claims are a list', 'E_TOKEN_MALFORMED', () => ({}), { payload: '[]' }],
    ['whose claims are nothing', 'E_TOKEN_MALFORMED', () => ({}), { payload: '' }],
    ['of GitHub', 'E_TOKEN_CLAIMS', () => ({ project_id: undefined, repository_id: '20' })],
  ];
  test.each(attacks)('%s: %s', async (_, code, claims, options) => {
    expect(await refusalOf(issuer.token(claims(), options))).toMatchObject({ code });
  });

  test('that gives a claim twice', async () => {
    const claims = JSON.stringify({
      ...JSON.parse(Buffer.from(issuer.token().split('.')[1] ?? '', 'base64url').toString()),
    });
    const payload = claims.replace('{', '{"project_id":"666",');
    expect(await refusalOf(issuer.token({}, { payload }))).toEqual({
      code: 'E_TOKEN_MALFORMED',
      message: 'the claims of the ID token cannot be read: an object has the same key twice',
    });
    expect(codeOf(await verifierOf()(issuer.token({}, { payload: claims })))).toBe('accepted');
  });

  test('whose claims were changed after it was signed', async () => {
    const [head, , signature] = issuer.token().split('.');
    const [, payload] = issuer.token({ user_id: '1' }).split('.');
    expect(await refusalOf(`${head}.${payload}.${signature}`)).toMatchObject({ code: 'E_TOKEN_SIGNATURE' });
  });

  test.each([
    ['nothing', ''],
    ['dots', '..'],
    ['a word', 'token'],
    ['three words', 'a.b.c'],
    ['five parts, as an encrypted one has', 'eyJhbGciOiJSUzI1NiJ9.a.b.c.d'],
    ['a header that is no JSON', `${Buffer.from('{').toString('base64url')}.e30.a`],
  ])('that is %s', async (_, token) => {
    expect(await refusalOf(token)).toMatchObject({ code: 'E_TOKEN_MALFORMED' });
  });

  test('that is older than its issuer may make them', async () => {
    const token = issuer.token({}, { at: Date.now() - 95_000 });
    expect(await refusalOf(token, { max_age_seconds: 60 })).toMatchObject({ code: 'E_TOKEN_TOO_OLD' });
    expect(codeOf(await verifierOf()(token))).toBe('accepted');
  });

  test.each<[string, Claims]>([
    ['whose yes is a boolean', { ref_protected: false }],
    ['whose repository is a number', { repository_id: 74 }],
    ['of no repository', { repository_id: undefined }],
    ['of no actor', { actor_id: undefined }],
    ['of no commit', { sha: undefined }],
  ])('of GitHub %s', async (_, claims) => {
    expect(await refusalOf(issuer.githubToken(claims), { kind: 'github' })).toMatchObject({ code: 'E_TOKEN_CLAIMS' });
  });
});

describe('a refusal', () => {
  test.each<[string, Claims, object]>([
    [
      'names the audience that is wanted and the one given',
      { aud: 'https://vault.example.com' },
      {
        message: 'the ID token is for `https://vault.example.com`, wanted is `https://infra-deployer.example.com`',
        fix: 'set `aud: https://infra-deployer.example.com` in `id_tokens:` of the job',
      },
    ],
    [
      'names a claim that is missing',
      { exp: undefined },
      { code: 'E_TOKEN_CLAIMS', message: 'claim `exp` is missing' },
    ],
    ['names a time that is none', { iat: 'now' }, { message: 'claim `iat` is not a number' }],
    [
      'names a claim of the wrong form',
      { ref_protected: true },
      { message: 'claim `ref_protected` must be `true` or `false`' },
    ],
    [
      'of another issuer names those that are believed',
      { iss: 'https://evil.example.com\n' },
      { message: 'the ID token is from `https://evil.example.com\\u000a`, which the policy does not believe' },
    ],
  ])('%s', async (_, claims, problem) => {
    expect(await verifierOf()(issuer.token(claims))).toMatchObject({ ok: false, problem });
  });

  test('says how far times are apart, and calls it clock skew', async () => {
    const now = 1_800_000_000_000;
    const verify = verifierOf({}, () => now);
    const at = (claims: Claims) => verify(issuer.token(claims, { at: now }));
    const iat = now / 1000;
    expect(await at({ exp: iat - 40 })).toMatchObject({ problem: { message: 'the ID token expired 40 s ago' } });
    for (const claims of [{ nbf: iat + 40 }, { iat: iat + 40, nbf: undefined }])
      expect(await at(claims)).toMatchObject({
        problem: {
          message: expect.stringMatching(/40 s from now: clock skew$/),
          fix: 'compare the clocks of the server and of the issuer: they are more than 30 s apart',
        },
      });
    expect(await at({ iat: iat - 4000 })).toMatchObject({
      problem: { message: 'the ID token was issued 4000 s ago, 3600 s is the most' },
    });
  });

  test('never has the token in it', async () => {
    const verify = verifierOf();
    for (const token of [issuer.token({ aud: 'x' }), issuer.token({}, { signature: 'stranger' }), 'eyJh.b.c']) {
      const [, payload = '', signature = ''] = token.split('.');
      const text = JSON.stringify(await verify(token));
      expect(text).not.toContain(signature.length > 1 ? signature : token);
      expect(text).not.toContain(payload.length > 1 ? payload : token);
    }
  });
});

describe('the policy in force', () => {
  test('decides at once whose tokens are believed', async () => {
    let { issuers } = policyWith({ gitlab: issuer.policyIssuer() });
    const verify = tokenVerifier(async () => issuers, usualKeyTimes, Date.now);
    const token = issuer.token();
    expect(codeOf(await verify(token))).toBe('accepted');
    issuers = policyWith().issuers;
    expect(await verify(token)).toMatchObject({
      problem: { code: 'E_TOKEN_ISSUER', fix: 'use a token of an issuer of the policy' },
    });
    issuers = policyWith({ gitlab: issuer.policyIssuer({ audience: 'other' }) }).issuers;
    expect(codeOf(await verify(token))).toBe('E_TOKEN_AUDIENCE');
    issuers = policyWith({ gitlab: issuer.policyIssuer({ kind: 'github' }) }).issuers;
    expect(codeOf(await verify(token))).toBe('E_TOKEN_CLAIMS');
    issuers = policyWith({ gitlab: issuer.policyIssuer({ jwks_url: undefined, jwks: issuer.jwks() }) }).issuers;
    expect(codeOf(await verify(token))).toBe('accepted');
    const other = await startIssuer();
    issuers = policyWith({ gitlab: issuer.policyIssuer({ jwks_url: undefined, jwks: other.jwks() }) }).issuers;
    expect(codeOf(await verify(token))).toBe('E_TOKEN_KEY');
    issuers = policyWith({ a: other.policyIssuer(), b: issuer.policyIssuer() }).issuers;
    expect(await verify(token)).toMatchObject({ ok: true, value: { issuer: 'b' } });
    expect(await verify(other.token())).toMatchObject({ ok: true, value: { issuer: 'a' } });
    expect(codeOf(await verify(issuer.token({ iss: other.url })))).toBe('E_TOKEN_KEY');
    await other.stop();
  });

  test('tells ID tokens from tokens of the machine', () => {
    expect(isIdToken(issuer.token())).toBe(true);
    expect(isIdToken('idt_0123456789abcdef')).toBe(false);
  });
});
