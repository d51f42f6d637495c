import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { dist, runCli } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { planned, planning, runId } from './run-fixture.ts';
import { runSource } from './run-source.ts';
import { type AwsScript, nothingOfTheMachine, type ScriptedAws, scriptedAws, session } from './scripted-aws.ts';
import { key, type Page } from './scripted-server.ts';

let aws: ScriptedAws | undefined;
afterEach(async () => {
  await aws?.stop();
  aws = undefined;
});

const sha = '0b497ce3aa11bb22cc33dd44ee55ff6677889900';
const job = { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'main', CI_COMMIT_SHA: sha, TERM: 'dumb' };
const plan = ['--command', 'plan', '--path', 'prod/vpc'];
const output: Page = { run: { ...planning, worker: 'lambda' }, lines: [{ phase: 'plan', text: '  + resource' }] };
const onLambda: Page = { run: { ...planned, worker: 'lambda' } };

/** A job with an ID token, and AWS credentials from its environment. */
async function start(script: AwsScript = { pages: [output, onLambda] }): Promise<Record<string, string>> {
  aws = await scriptedAws(script);
  const server = { INFRA_DEPLOYER_SERVER: 'lambda:infra-deployer', INFRA_DEPLOYER_ID_TOKEN: 'id.to.ken' };
  return { ...server, ...aws.env, ...job };
}

/** The same job with a role to assume by a token in a file, as GitLab's `id_tokens:` are used, and no key. */
async function startWithRole(script: AwsScript = {}): Promise<Record<string, string>> {
  const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...env } = await start({ pages: [onLambda], ...script });
  const file = join(temporaryDirectory('web-identity'), 'token');
  writeFileSync(file, 'token.for.aws');
  return { ...env, AWS_ROLE_ARN: 'arn:aws:iam::111111111111:role/ci', AWS_WEB_IDENTITY_TOKEN_FILE: file };
}

describe('a plan through a function of AWS', () => {
  test('is told as through any other server', async () => {
    const { status, stdout, stderr } = await runSource(plan, await start());
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('  server  lambda:infra-deployer  (INFRA_DEPLOYER_SERVER)\n');
    expect(stdout).toContain('✔ queued 0.0 s   ✔ worker 0.2 s (lambda)   ✔ source 0.4 s (commit 0b497ce3)\n');
    expect(stdout).toContain('▾ terraform plan\n  + resource\n✔ plan: 2 to add, 1 to change, 0 to destroy');
  });

  test('is created with the ID token of the job, and read with the key of the run', async () => {
    await runSource([...plan, '--request-id', 'my-request-1'], await start());
    const [created, ...reads] = aws?.invoked.map(({ event }) => event) ?? [];
    expect(created).toMatchObject({ operation: 'createRun', idToken: 'id.to.ken' });
    expect(JSON.parse(created?.request ?? '')).toMatchObject({
      ref: 'refs/heads/main',
      sha,
      requestId: 'my-request-1',
    });
    expect(reads.length).toBeGreaterThan(0);
    for (const read of reads) expect(read).toMatchObject({ operation: 'getLogs', runKey: key });
  });

  test('needs no other key in a GitLab job than a token for AWS', async () => {
    const forms: URLSearchParams[] = [];
    const env = await startWithRole({ sts: form => void forms.push(form) });
    expect(await runSource(plan, env)).toMatchObject({ status: 0, stderr: '' });
    expect(forms.map(form => [form.get('Action'), form.get('RoleArn'), form.get('WebIdentityToken')])).toEqual([
      ['AssumeRoleWithWebIdentity', env.AWS_ROLE_ARN, 'token.for.aws'],
    ]);
    for (const { headers } of aws?.invoked ?? []) {
      expect(headers.authorization).toContain(`Credential=${session}/`);
      expect(headers['x-amz-security-token']).toBe('session-token');
    }
  });

  test('says what AWS has against the token of the job', async () => {
    const error = '<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>Incorrect token audience</Message>';
    const sts = () => ({ status: 400, body: `${error}</Error></ErrorResponse>` });
    const { status, stderr } = await runSource(plan, await startWithRole({ sts }));
    expect(status).toBe(4);
    expect(stderr).toMatch(
      /^✘ AWS does not let these credentials invoke lambda:infra-deployer: Incorrect token audience$/m,
    );
    expect(stderr).toMatch(/^exit 4 · E_AWS_CREDENTIALS/m);
    expect(aws?.invoked).toEqual([]);
  });

  test('goes on where AWS is too busy for a while', async () => {
    const throttled = { status: 429, name: 'TooManyRequestsException', body: {} };
    const env = await start({ pages: [onLambda], platform: attempt => (attempt % 2 === 0 ? throttled : undefined) });
    expect(await runSource(plan, env)).toMatchObject({ status: 0, stderr: '' });
  });

  test('that AWS does not answer ends with 8, and says how to go on', async () => {
    const env = { ...(await start()), AWS_ENDPOINT_URL: `http://127.0.0.1:${await freePort()}` };
    const { status, stderr } = await runSource([...plan, '--request-id', 'my-request-1'], env);
    expect(status).toBe(8);
    expect(stderr).toBe(
      `
✘ the server lambda:infra-deployer does not answer: connection refused
  fix: ask again; with this id nothing starts twice:
         infra-deployer --command plan --path prod/vpc --request-id my-request-1
exit 8 · E_SERVER_AWAY · request my-request-1
`.trimStart(),
    );
  });

  test('ends with 4 without credentials of AWS, and takes no token of a machine for one of a job', async () => {
    const env = await start();
    const machine = { ...env, INFRA_DEPLOYER_ID_TOKEN: '', INFRA_DEPLOYER_TOKEN: 'my-token' };
    const token = await runSource(plan, machine);
    expect(token).toMatchObject({ status: 4, stdout: '' });
    expect(token.stderr).toContain('✘ `INFRA_DEPLOYER_TOKEN` is for a server on one machine');
    const bare = await runSource(plan, { ...env, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' });
    expect(bare.status).toBe(4);
    expect(bare.stderr).toContain('✘ no AWS credentials to invoke lambda:infra-deployer with');
    expect(aws?.invoked).toEqual([]);
  });

  test('goes on without its reader, whose credentials of AWS are good for an hour only', async () => {
    const expired = { status: 403, name: 'ExpiredTokenException', body: {} };
    const env = await start({ pages: [output], platform: attempt => (attempt > 1 ? expired : undefined) });
    const { status, stderr } = await runSource(plan, env);
    expect(status).toBe(7);
    expect(stderr).toMatch(/^✘ stopped waiting since the AWS credentials .* have expired; the run goes on$/m);
    expect(stderr).toContain(`infra-deployer runs show ${runId}\n`);
  });

  test('asks without an ID token too, for a policy that trusts who may invoke', async () => {
    const { INFRA_DEPLOYER_ID_TOKEN: _, ...env } = await start();
    const { status, stdout } = await runSource(plan, env);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ {2}caller .* \(AWS credentials\)$/m);
    expect(aws?.invoked[0]?.event).not.toHaveProperty('idToken');
  });
});

test('an auditor lists and shows runs through the function of the audit door, without any token', async () => {
  const { INFRA_DEPLOYER_ID_TOKEN: _, ...env } = await start({ list: [planned], pages: [{ run: planned }] });
  const listed = await runSource(['runs', 'list', '--limit', '5', '--json'], env);
  expect(JSON.parse(listed.stdout)).toEqual({ runs: [planned], exitCode: 0 });
  expect((await runSource(['runs', 'show', runId], env)).stdout).toContain(`${runId} · plan prod/vpc\n`);
  expect(aws?.invoked.map(({ event }) => event)).toEqual([
    { operation: 'listRuns', request: '{"limit":"5"}' },
    { operation: 'getRun', request: JSON.stringify({ id: runId }) },
  ]);
});

test('an auditor is told where the output of an old run is', async () => {
  const place = `CloudWatch Logs, stream ${runId}`;
  const ended = { ...planned, startedAt: planned.createdAt };
  const { INFRA_DEPLOYER_ID_TOKEN: _, ...env } = await start({ pages: [{ run: ended }] });
  expect((await runSource(['runs', 'logs', runId], env)).stdout).toContain(place);
  await aws?.stop();
  const lines = [{ phase: 'init', text: 'Initializing' } as const];
  const { INFRA_DEPLOYER_ID_TOKEN: _token, ...young } = await start({ pages: [{ run: ended, lines }] });
  expect((await runSource(['runs', 'logs', runId], young)).stdout).not.toContain(place);
});

test('a later step reads and cancels the run by its file', async () => {
  const file = join(temporaryDirectory('run-file'), 'run.json');
  const { INFRA_DEPLOYER_ID_TOKEN: _, ...env } = await start({ pages: [onLambda] });
  await runSource([...plan, '--run-file', file], { ...env, INFRA_DEPLOYER_ID_TOKEN: 'id.to.ken' });
  const shown = await runSource(['runs', 'show', '--run-file', file], env);
  expect(shown.stdout).toMatch(/^ {2}worker +lambda$/m);
  expect((await runSource(['runs', 'cancel', '--run-file', file], env)).status).toBe(0);
  expect(aws?.invoked.at(-1)?.event).toMatchObject({ operation: 'cancelRun', runKey: key });
  const refused = await runSource(['runs', 'cancel', runId], env);
  expect(refused.status).toBe(3);
  expect(refused.stderr).toContain('✘ on AWS a run is canceled by its key\n  fix: give  --run-file FILE');
});

describe('the built CLI', () => {
  /** What Node loads, one url a line on stderr. */
  const watcher = `import { registerHooks } from 'node:module';
registerHooks({ load: (url, context, next) => (process._rawDebug(url), next(url, context)) });`;
  const loadedBy = async (args: readonly string[], env: Readonly<Record<string, string>>) => {
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(watcher)}`;
    const { status, stderr } = await runCli(args, { ...env, ...nothingOfTheMachine, NODE_OPTIONS });
    const files = stderr.split('\n').filter(line => line.startsWith(`file://${dist()}`));
    expect(files.length).toBeGreaterThan(0);
    return { status, text: files.map(url => readFileSync(new URL(url), 'utf8')).join('\n') };
  };
  // What the SDK signs with: in each of its clients.
  const sdk = 'AWS4-HMAC-SHA256';

  test('loads the SDK for a function of AWS, and otherwise never', async () => {
    const env = await start({ pages: [onLambda] });
    const invoking = await loadedBy(plan, env);
    expect(invoking.status).toBe(0);
    expect(invoking.text).toContain(sdk);
    const url = `http://127.0.0.1:${await freePort()}`;
    for (const [args, more] of [
      [['--help'], {}],
      [['completion', 'bash'], {}],
      [['runs', 'list'], { INFRA_DEPLOYER_SERVER: url }],
      [plan, { INFRA_DEPLOYER_SERVER: 'lambda:not a function' }],
    ] as const)
      expect((await loadedBy(args, { ...env, ...more })).text.includes(sdk), args.join(' ')).toBe(false);
  });
});
