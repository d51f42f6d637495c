import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Run } from '../../policies/contract/run.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { aRun, failed, planned, planning, runId, unchanged } from './run-fixture.ts';
import { runSource } from './run-source.ts';
import { key, type Page, refusal, type Script, type ScriptedServer, scriptedServer } from './scripted-server.ts';

let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const sha = '0b497ce3aa11bb22cc33dd44ee55ff6677889900';
const job = { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'main', CI_COMMIT_SHA: sha, TERM: 'dumb' };
const plan = ['--command', 'plan', '--path', 'prod/vpc'];
const greenLine = '\u001b[32m  + resource\u001b[0m';
const output: Page = { run: planning, lines: [{ phase: 'plan', text: greenLine }] };

async function start(script: Script = { pages: [output, { run: planned }] }) {
  server = await scriptedServer(script);
  return { INFRA_DEPLOYER_SERVER: server.url, INFRA_DEPLOYER_TOKEN: 'my-token', ...job };
}

describe('a plan', () => {
  test('in a GitLab job needs no other flag', async () => {
    const { status, stdout, stderr } = await runSource(plan, await start());
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const pad = (value: string) => value.padEnd(server?.url.length ?? 0);
    expect(stdout).toBe(`infra-deployer dev · plan prod/vpc
  repo    ${pad('infra-live')}  (policy: only repository)
  ref     ${pad('refs/heads/main')}  (CI_COMMIT_BRANCH)
  commit  ${pad('0b497ce3')}  (CI_COMMIT_SHA)
  caller  ${pad('deploy')}  (INFRA_DEPLOYER_TOKEN)
  server  ${server?.url}  (INFRA_DEPLOYER_SERVER)
✔ allowed by rule plan-anywhere · run ${runId}
✔ queued 0.0 s   ✔ worker 0.2 s   ✔ source 0.4 s (commit 0b497ce3)
▸ terraform init 0.1 s
▾ terraform plan
  + resource
✔ plan: 2 to add, 1 to change, 0 to destroy · 0.4 s
  + aws_nat_gateway.a
  + aws_eip.nat
  ~ aws_route_table.private
To apply:  infra-deployer --command apply --path prod/vpc --plan-id ${runId}
`);
  });

  test('is created with the token and read with the key of the run', async () => {
    await runSource([...plan, '--request-id', 'my-request-1'], await start());
    const [created, ...reads] = server?.asked ?? [];
    expect(created).toMatchObject({ token: 'my-token', path: '/v1/runs' });
    expect(JSON.parse(created?.body ?? '')).toEqual({
      command: 'plan',
      path: 'prod/vpc',
      ref: 'refs/heads/main',
      sha,
      requestId: 'my-request-1',
    });
    expect(new Set(reads.map(({ token }) => token))).toEqual(new Set([key]));
  });

  test('with changes ends with 2 under --detailed-exitcode, one without with 0', async () => {
    expect((await runSource([...plan, '--detailed-exitcode'], await start())).status).toBe(2);
    await server?.stop();
    expect(
      (await runSource([...plan, '--detailed-exitcode'], await start({ pages: [{ run: unchanged }] }))).status,
    ).toBe(0);
  });

  test('that fails tells why and ends with its exit code', async () => {
    const run: Run = { ...failed('E_PLAN', 'terraform plan ended with 1') };
    const { status, stderr } = await runSource(plan, await start({ pages: [output, { run }] }));
    expect(status).toBe(1);
    expect(stderr).toBe(
      `✘ plan of prod/vpc failed: terraform plan ended with 1\n  fix: look at the output above\nexit 1 · E_PLAN · run ${runId}\n`,
    );
  });

  test('keeps colours in a GitLab job, and has none with NO_COLOR, --no-color or elsewhere', async () => {
    const { TERM: _, ...coloured } = await start();
    const { GITLAB_CI: __, ...elsewhere } = coloured;
    expect((await runSource(plan, coloured)).stdout).toContain(greenLine);
    for (const [args, env] of [
      [plan, { ...coloured, NO_COLOR: '1' }],
      [[...plan, '--no-color'], coloured],
      [[...plan, '--ref', 'main'], elsewhere],
    ] as const) {
      const { stdout } = await runSource(args, env);
      expect(stdout).toContain('  + resource\n');
      expect(stdout).not.toMatch(/[\u001b\r]/);
    }
  });
});

describe('--json', () => {
  test('is one object on stdout, with everything for people on stderr', async () => {
    const { stdout, stderr } = await runSource([...plan, '--json', '--request-id', 'my-request-1'], await start());
    expect(JSON.parse(stdout)).toEqual({ run: planned, requestId: 'my-request-1', exitCode: 0 });
    expect(stderr).toContain('✔ plan: 2 to add');
  });

  test.each([
    ['a usage error', [...plan, '--pth'], {}, { exitCode: 3, error: { code: 'E_USAGE' } }],
    ['a denial', plan, {}, { exitCode: 5, error: { code: 'E_REF_NOT_ALLOWED', message: 'not allowed' } }],
    ['a missing token', plan, { INFRA_DEPLOYER_TOKEN: '' }, { exitCode: 4, error: { code: 'E_NO_TOKEN' } }],
  ])('is one object for %s too', async (_, args, env, expected) => {
    const create = () => refusal(403, 'E_REF_NOT_ALLOWED', 'not allowed');
    const { stdout, status } = await runSource([...args, '--json'], { ...(await start({ create })), ...env });
    expect(JSON.parse(stdout)).toMatchObject(expected);
    expect(status).toBe(expected.exitCode);
  });
});

describe('a request that is refused', () => {
  test('by the policy ends with 5', async () => {
    const details = {
      reasons: [{ code: 'E_REF_NOT_ALLOWED', message: 'rule `apply-reviewed` allows it, but not from this ref' }],
    };
    const create = () =>
      refusal(403, 'E_REF_NOT_ALLOWED', 'apply of prod/vpc from nat is not allowed', { fix: 'merge first', details });
    const { status, stderr } = await runSource(plan, await start({ create }));
    expect(status).toBe(5);
    expect(stderr).toBe(
      `
✘ denied: apply of prod/vpc from nat is not allowed
  rule \`apply-reviewed\` allows it, but not from this ref
  fix: merge first
exit 5 · E_REF_NOT_ALLOWED · request req-1
`.trimStart(),
    );
    expect(server?.asked).toHaveLength(1);
  });

  test.each([
    [401, 'E_UNAUTHENTICATED', 4],
    [409, 'E_PLAN_MISSING', 6],
    [400, 'E_PATH_SYNTAX', 3],
    [422, 'E_OF_A_NEWER_SERVER', 8],
  ])('with %i %s ends with %i', async (status, code, exit) => {
    const env = await start({ create: () => refusal(status, code, 'no') });
    expect((await runSource(plan, env)).status).toBe(exit);
  });
});

describe('a server that is away', () => {
  test('ends with 8 in under four seconds, and says how to go on', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const args = [...plan, '--request-id', 'my-request-1'];
    const before = performance.now();
    const { status, stderr } = await runSource(args, { ...job, INFRA_DEPLOYER_SERVER: url, INFRA_DEPLOYER_TOKEN: 'x' });
    expect(performance.now() - before).toBeLessThan(4000);
    expect(status).toBe(8);
    expect(stderr).toBe(
      `
✘ the server at ${url} does not answer: connection refused
  fix: see whether it is there:  curl ${url}/healthz
       then ask again; with this id nothing starts twice:
         infra-deployer --command plan --path prod/vpc --request-id my-request-1
exit 8 · E_SERVER_AWAY · request my-request-1
`.trimStart(),
    );
  });

  test('is asked again with the same request id', async () => {
    const accepted = { status: 202, body: { run: aRun(), runKey: key } };
    const create = (attempt: number) => [undefined, refusal(503, 'E_INTERNAL', 'not now'), accepted][attempt];
    const { status } = await runSource(plan, await start({ create, pages: [{ run: planned }] }));
    expect(status).toBe(0);
    const ids = server?.asked.filter(({ path }) => path === '/v1/runs').map(({ body }) => JSON.parse(body).requestId);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
  });

  test('is waited for while the run goes on, and no longer than --timeout', async () => {
    const env = await start({ pages: [output] });
    const ending = runSource([...plan, '--timeout', '2s'], env);
    await until(() => (server?.count('GET', /\/logs/) ?? 0) > 1);
    await server?.stop();
    const { status, stdout, stderr } = await ending;
    expect(status).toBe(7);
    expect(stdout).toContain('connection refused; trying for 30 s, the run goes on');
    expect(stderr).toBe(
      `
✘ stopped waiting after 2.0 s; the run goes on
  fix: look at it:  infra-deployer runs show ${runId}
       or wait on:  infra-deployer runs logs ${runId} --follow
exit 7 · E_STOPPED_WAITING · run ${runId}
`.trimStart(),
    );
  });
});

describe('a signal', () => {
  const canceled: Page = { run: { ...failed('E_CANCELED', 'canceled by deploy'), state: 'canceled' } };

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s cancels the run once, waits for its end and ends with %i', async (signal, exit) => {
    const env = await start({ pages: [output], canceled });
    const { status, stdout, stderr } = await runSource(plan, env, {
      onStart: async pid => {
        await until(() => (server?.count('GET', /\/logs/) ?? 0) > 1);
        process.kill(pid, signal);
      },
    });
    expect(status).toBe(exit);
    expect(server?.count('POST', /\/cancel$/)).toBe(1);
    expect(server?.asked.find(({ path }) => path.endsWith('/cancel'))?.token).toBe(key);
    expect(stdout).toContain(
      `… canceling ${runId}; Terraform finishes what it has started (once more leaves it alone)\n`,
    );
    expect(stdout).toMatch(/✔ stopped after \d\.\d s\n$/);
    expect(stderr).toBe(`  look: infra-deployer runs show ${runId}\nexit ${exit}\n`);
  });

  test('a second time leaves at once', async () => {
    const env = await start({ pages: [output] });
    const { status, stdout, stderr } = await runSource([...plan, '--json'], env, {
      onStart: async pid => {
        await until(() => (server?.count('GET', /\/logs/) ?? 0) > 1);
        process.kill(pid, 'SIGINT');
        await until(() => (server?.count('POST', /\/cancel$/) ?? 0) === 1);
        process.kill(pid, 'SIGTERM');
      },
    });
    expect(status).toBe(143);
    expect(server?.count('POST', /\/cancel$/)).toBe(1);
    expect(stderr).toContain(`left while run ${runId} is being stopped\n`);
    expect(JSON.parse(stdout)).toMatchObject({ run: { id: runId }, exitCode: 143 });
  });

  test('before there is a run ends at once', async () => {
    const env = await start({ create: () => undefined });
    const { status, stderr } = await runSource([...plan, '--request-id', 'my-request-1'], env, {
      onStart: async pid => {
        await until(() => (server?.count('POST', /\/v1\/runs$/) ?? 0) > 0);
        process.kill(pid, 'SIGTERM');
      },
    });
    expect(status).toBe(143);
    expect(server?.count('POST', /\/v1\/runs$/)).toBeLessThan(4);
    expect(stderr).toContain('✘ stopped before the server answered; if it got the request, the run goes on\n');
    expect(stderr).toContain('--request-id my-request-1\n');
  });
});

describe('the run file', () => {
  test('lets a later command look at the run and stop it without a token', async () => {
    const file = join(temporaryDirectory('run-file'), 'run.json');
    const { INFRA_DEPLOYER_TOKEN: _, ...env } = await start();
    await runSource([...plan, '--run-file', file], { ...env, INFRA_DEPLOYER_TOKEN: 'my-token' });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ run: runId, runKey: key });
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const shown = await runSource(['runs', 'show', '--run-file', file], env);
    expect(shown.stdout).toContain(`${runId} · plan prod/vpc\n`);
    expect((await runSource(['runs', 'cancel'], { ...env, INFRA_DEPLOYER_RUN_FILE: file })).status).toBe(0);
    expect(server?.asked.slice(-2).map(({ token }) => token)).toEqual([key, key]);
  });

  test('that cannot be written is told, and the run is followed all the same', async () => {
    const file = join(temporaryDirectory('run-file'), 'no', 'run.json');
    const { status, stderr } = await runSource([...plan, '--run-file', file], await start());
    expect(status).toBe(0);
    expect(stderr).toContain('! `--run-file` cannot be written: ENOENT');
    expect(existsSync(file)).toBe(false);
  });
});

describe('runs', () => {
  test('logs prints everything, and ends as the run does only with --follow', async () => {
    const init: Page = {
      run: planning,
      lines: [
        { phase: 'init', text: 'Initializing' },
        { phase: 'plan', text: 'Error: no' },
      ],
    };
    const env = await start({ pages: [init, { run: failed('E_PLAN', 'it said no') }] });
    const read = await runSource(['runs', 'logs', runId], env);
    expect(read.status).toBe(0);
    expect(read.stdout).toContain('▾ terraform init\nInitializing\n▾ terraform plan\nError: no\n');
    expect(read.stdout).toContain('✘ plan of prod/vpc failed: it said no\n');
    const followed = await runSource(['runs', 'logs', runId, '--follow', '--json'], env);
    expect(followed.status).toBe(1);
    expect(JSON.parse(followed.stdout)).toMatchObject({
      lines: [...(init.lines ?? [])],
      exitCode: 1,
      error: { code: 'E_PLAN' },
    });
  });

  test('list asks for what is filtered by', async () => {
    const env = await start({ list: [planned] });
    const { stdout } = await runSource(['runs', 'list', '--state', 'succeeded', '--limit', '5', '--json'], env);
    expect(JSON.parse(stdout)).toEqual({ runs: [planned], exitCode: 0 });
    expect(server?.asked[0]?.path).toBe('/v1/runs?state=succeeded&limit=5');
  });

  test('that are not there are an error', async () => {
    const { status, stderr } = await runSource(['runs', 'show', 'r_other'], await start());
    expect(status).toBe(3);
    expect(stderr).toBe('✘ there is no such run\nexit 3 · E_NOT_FOUND · request req-1\n');
  });
});

describe('the rest', () => {
  test('help starts with examples, version and completion are printed', async () => {
    const help = await runSource(['--help']);
    expect(help).toMatchObject({ status: 0, stderr: '' });
    expect(help.stdout.indexOf('Examples')).toBeLessThan(help.stdout.indexOf('Flags'));
    expect(help.stdout).toMatch(/--plan-id ID +INFRA_DEPLOYER_PLAN_ID +the plan to apply/);
    expect(await runSource(['--version'])).toMatchObject({ status: 0, stdout: 'infra-deployer dev\n' });
    expect((await runSource(['completion', 'bash'])).stdout).toContain('complete -F _infra_deployer infra-deployer');
  });

  test('a token file is as good as a token, and no token is never printed', async () => {
    const file = join(temporaryDirectory('token'), 'token');
    const { INFRA_DEPLOYER_TOKEN: _, ...env } = await start();
    const missing = await runSource(plan, { ...env, INFRA_DEPLOYER_TOKEN_FILE: file });
    expect(missing.status).toBe(4);
    const spoilt = await runSource(plan, { ...env, INFRA_DEPLOYER_TOKEN: 'se cret' });
    expect(spoilt.status).toBe(4);
    expect(spoilt.stdout + spoilt.stderr).not.toContain('cret');
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}
