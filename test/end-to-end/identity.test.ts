/** Who asks, through every part: a job's ID token decides what it may, and nobody else sees what it started. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../policies/contract/audit-entry.ts';
import { startIssuer, type TestIssuer } from '../support/issuer.ts';
import { bareRepository, type Repository } from '../support/repository.ts';
import { requires } from '../support/requirements.ts';
import { type Server, startServer } from '../support/server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const stack = 'resource "terraform_data" "vpc" { input = "10.0.0.0/16" }\n';
const files = { 'prod/vpc/main.tf': stack, 'prod/dns/main.tf': stack, 'prod/two/main.tf': stack };

describe.skipIf(requires('terraform'))('a job with an ID token', () => {
  let issuer: TestIssuer;
  let repository: Repository;
  let server: Server;
  let main: string;

  beforeAll(async () => {
    issuer = await startIssuer();
    repository = bareRepository(join(temporaryDirectory('repo'), 'infra-live.git'), files);
    main = repository.id('main');
    repository.commit('feature/nat', { 'prod/vpc/nat.tf': 'resource "terraform_data" "nat" {}\n' }, { from: 'main' });
    const paths = ['prod/**'];
    const rules = [
      { name: 'plan-jobs', allow: ['plan'], refs: ['refs/heads/**'], paths, identity: { project_id: 20 } },
      {
        name: 'apply-protected',
        allow: ['apply'],
        refs: ['refs/heads/main'],
        paths: ['prod/vpc', 'prod/dns'],
        identity: { project_id: 20, ref_protected: true, pipeline_source: ['push', 'web'] },
      },
      {
        name: 'apply-four-eyes',
        allow: ['apply'],
        refs: ['refs/heads/main'],
        paths: ['prod/two'],
        identity: { project_id: 20 },
        distinct_applier: true,
      },
    ];
    server = await startServer({
      policy: {
        version: 1,
        issuers: { gitlab: issuer.policyIssuer() },
        repositories: { 'infra-live': { url: repository.dir, rules } },
      },
    });
  });
  afterAll(async () => {
    await server.stop();
    await issuer.stop();
  });

  let job = 1000;
  /** The token of a job of its own on main, where nothing else is said. */
  const token = (claims: Record<string, string> = {}): string =>
    issuer.token({
      ref: 'main',
      ref_path: 'refs/heads/main',
      ref_protected: 'true',
      sha: main,
      job_id: `${++job}`,
      ...claims,
    });
  const asked = (command: string, path = 'prod/vpc', ref = 'main') => [
    '--command',
    command,
    '--path',
    path,
    '--ref',
    ref,
  ];
  const cli = (args: readonly string[], idToken: string) =>
    server.cli(args, { INFRA_DEPLOYER_TOKEN: '', INFRA_DEPLOYER_ID_TOKEN: idToken });

  test('plans, and applies what was planned on the ref and commit it is for', async () => {
    const plan = await cli(asked('plan'), token());
    expect(plan).toMatchObject({ status: 0, stderr: '' });
    expect(plan.stdout).toMatch(/caller +\S+ via \S+ job \d+ +\(INFRA_DEPLOYER_ID_TOKEN\)/);
    expect(await cli(asked('apply'), token())).toMatchObject({ status: 0 });
  });

  test('is told which claim was wanted and which was given, and never shown its token', async () => {
    const cases = [
      [token({ aud: 'https://somewhere.example' }), ['https://somewhere.example', issuer.audience, 'E_TOKEN_AUDIENCE']],
      [token({ project_id: '21', job_project_id: '21' }), ['project_id', '21', 'E_CLAIM_NOT_ALLOWED']],
      [`${token()}x`, ['E_TOKEN_SIGNATURE']],
      ['not.a.token', ['E_TOKEN_MALFORMED']],
    ] as const;
    for (const [idToken, words] of cases) {
      const { status, stdout, stderr } = await cli(asked('plan'), idToken);
      expect(status).toBe(4);
      for (const word of words) expect(stderr).toContain(word);
      expect(stdout + stderr).not.toContain(idToken);
    }
  });

  test('of a clock that is ahead is told so', async () => {
    const now = Math.floor(Date.now() / 1000);
    const ahead = issuer.token({ iat: now + 600, nbf: now + 595, exp: now + 4200, sha: main });
    const { status, stderr } = await cli(asked('plan'), ahead);
    expect(status).toBe(4);
    expect(stderr).toContain('clock skew');
  });

  test.each([
    ['an unprotected ref', { ref_protected: 'false' }, 'E_CLAIM_NOT_ALLOWED'],
    ['another branch', { ref: 'feature/nat', ref_path: 'refs/heads/feature/nat' }, 'E_TOKEN_REF'],
    ['a tag of the name', { ref_type: 'tag', ref_path: 'refs/tags/main' }, 'E_REF_NOT_ALLOWED'],
    ['a merge request', { pipeline_source: 'merge_request_event' }, 'E_MERGE_REQUEST_PIPELINE'],
    ['a fork', { job_project_id: '99' }, 'E_FORK_PIPELINE'],
  ])('does not apply from %s', async (_what, claims, code) => {
    expect(await cli(asked('plan'), token())).toMatchObject({ status: 0 });
    const { status, stderr } = await cli(asked('apply'), token(claims));
    expect({ status, code: /E_\w+/.exec(stderr)?.[0] }).toEqual({ status: code === 'E_REF_NOT_ALLOWED' ? 5 : 4, code });
  });

  test('does not apply another commit than its own', async () => {
    const later = repository.commit('main', { 'README.md': 'later\n' });
    const plan = await cli([...asked('plan', 'prod/dns'), '--sha', main], token());
    expect(plan).toMatchObject({ status: 0 });
    const other = await cli([...asked('apply', 'prod/dns'), '--sha', main], token({ sha: later }));
    expect(other.stderr).toContain('E_TOKEN_COMMIT');
    // Without --sha it is its own commit that is meant, and of that there is no plan.
    expect(await cli(asked('apply', 'prod/dns'), token({ sha: later }))).toMatchObject({ status: 6 });
    expect(await cli(asked('apply', 'prod/dns'), token())).toMatchObject({ status: 0 });
  });

  test('is the only one that sees and stops what it started', async () => {
    const post = (idToken: string, body: object) => server.api('POST', '/v1/runs', body, idToken);
    const body = { command: 'plan', path: 'prod/vpc', ref: 'main' };
    const first = (await post(token(), body)).body as { run: { id: string }; runKey: string };
    const second = (await post(token(), body)).body as { run: { id: string }; runKey: string };
    const { id } = first.run;
    const strangers = [second.runKey, token(), server.tokens.deploy, 'k_guess', ''];
    const unknown = `r_${'a'.repeat(26)}`;
    for (const stranger of strangers) {
      for (const [method, rest] of [
        ['GET', ''],
        ['GET', '/logs'],
        ['POST', '/cancel'],
      ] as const) {
        const refused = await server.api(method, `/v1/runs/${id}${rest}`, undefined, stranger);
        const missing = await server.api(method, `/v1/runs/${unknown}${rest}`, undefined, stranger);
        expect([401, 404]).toContain(refused.status);
        const words = ({ status, body }: typeof refused) => ({
          status,
          ...(body as { error: object }).error,
          requestId: '',
        });
        expect(words(refused)).toEqual(words(missing));
      }
    }
    for (const reader of [first.runKey, server.tokens.audit])
      expect(await server.api('GET', `/v1/runs/${id}`, undefined, reader)).toMatchObject({ status: 200 });
    expect(await server.api('POST', `/v1/runs/${id}/cancel`, undefined, server.tokens.audit)).toMatchObject({
      status: 404,
    });
    const canceled = await server.api('POST', `/v1/runs/${second.run.id}/cancel`, undefined, second.runKey);
    expect(canceled).toMatchObject({ status: 202 });
  });

  test('whose token is replayed gets the run it has', async () => {
    const idToken = token();
    const body = { command: 'plan', path: 'prod/dns', ref: 'main' };
    const answers = await Promise.all(
      ['first-request', 'second-request', undefined].map(requestId =>
        server.api('POST', '/v1/runs', { ...body, ...(requestId ? { requestId } : {}) }, idToken),
      ),
    );
    expect(new Set(answers.map(({ body }) => (body as { run: { id: string } }).run.id)).size).toBe(1);
  });

  test('applies with four eyes: not whoever planned it in the merge request', async () => {
    const tip = repository.id('main');
    const anna = { user_id: '1', user_login: 'anna.k' };
    const ben = { user_id: '2', user_login: 'ben.o' };
    const inMergeRequest = { pipeline_source: 'merge_request_event', sha: tip };
    expect(await cli(asked('plan', 'prod/two'), token({ ...ben, sha: tip }))).toMatchObject({ status: 0 });
    const alone = await cli(asked('apply', 'prod/two'), token({ ...ben, sha: tip }));
    expect({ status: alone.status, code: /E_\w+/.exec(alone.stderr)?.[0] }).toEqual({
      status: 5,
      code: 'E_SAME_PERSON',
    });
    expect(await cli(asked('plan', 'prod/two'), token({ ...anna, ...inMergeRequest }))).toMatchObject({ status: 0 });
    expect(await cli(asked('apply', 'prod/two'), token({ ...anna, sha: tip }))).toMatchObject({ status: 5 });
    const plans = await server.api('GET', '/v1/runs?path=prod/two', undefined, server.tokens.audit);
    const [, plan] = (plans.body as { runs: { id: string; planId?: string; caller: string }[] }).runs.filter(
      run => run.planId,
    );
    const applied = await cli(
      [...asked('apply', 'prod/two'), '--plan-id', plan?.id ?? ''],
      token({ ...ben, sha: tip }),
    );
    expect(applied).toMatchObject({ status: 0 });
  });

  test('is believed while its issuer is away and its keys are known', async () => {
    await issuer.down('refused');
    expect(await cli(asked('plan'), token())).toMatchObject({ status: 0 });
    await issuer.up();
  });

  test('is in every audit entry of what it asked, and its token nowhere', async () => {
    const idToken = token();
    await cli(asked('plan'), idToken);
    const { body } = await server.api('GET', '/v1/audit?limit=500', undefined, server.tokens.audit);
    const { entries } = body as { entries: AuditEntry[] };
    const ofRuns = entries.filter(({ event }) => event.run !== undefined && event.kind !== 'cancel');
    expect(ofRuns.filter(({ event }) => !/^gitlab:\d+$/.test(event.user ?? ''))).toEqual([]);
    const kept = `${JSON.stringify(entries)}${server.log()}${readFileSync(join(server.dataDir, 'ledger.sqlite'), 'latin1')}`;
    expect(kept).not.toContain(idToken.split('.')[2]);
  });

  test('with two tokens, or one in the address, is nobody', async () => {
    const send = (path: string, bearers: readonly string[] = []) =>
      new Promise<number | undefined>((resolve, reject) => {
        const tokens = bearers.flatMap(bearer => ['authorization', bearer]);
        const headers = ['host', 'localhost', 'content-type', 'application/json', 'connection', 'close', ...tokens];
        request(`${server.url}${path}`, { method: 'POST', headers }, response => resolve(response.resume().statusCode))
          .on('error', reject)
          .end(JSON.stringify({ command: 'plan', path: 'prod/vpc', ref: 'main' }));
      });
    const bearer = `Bearer ${token()}`;
    expect(await send('/v1/decisions', [bearer])).toBe(200);
    expect(await send('/v1/decisions', [bearer, `Bearer ${token()}`])).toBe(401);
    expect(await send(`/v1/decisions?access_token=${token()}`)).toBe(401);
  });

  test('a token of the machine does not pass for one', async () => {
    const { status, body } = await server.api('POST', '/v1/runs', { command: 'plan', path: 'prod/vpc', ref: 'main' });
    expect({ status, body }).toMatchObject({ status: 403, body: { error: { code: 'E_CLAIM_NOT_ALLOWED' } } });
  });
});
