import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gitEnvironment } from '../support/environment.ts';
import { bareRepository } from '../support/repository.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { planned } from './run-fixture.ts';
import { runSource } from './run-source.ts';
import { type ScriptedServer, scriptedServer } from './scripted-server.ts';

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer({ pages: [{ run: planned }] });
});
afterAll(() => server.stop());

/** A clone in which nobody has done anything yet. */
function clone() {
  const dir = temporaryDirectory('copy');
  const origin = bareRepository(join(dir, 'origin.git'), { 'prod/vpc/main.tf': '' });
  const copy = join(dir, 'copy');
  const run = (...args: string[]) =>
    execFileSync('git', args, { env: gitEnvironment(), stdio: 'pipe' }).toString().trim();
  run('clone', '--quiet', origin.dir, copy);
  return { copy, stack: join(copy, 'prod', 'vpc'), git: (...args: string[]) => run('-C', copy, ...args) };
}

const plan = (cwd: string, ...args: string[]) =>
  runSource(['--command', 'plan', ...args], { INFRA_DEPLOYER_SERVER: server.url, INFRA_DEPLOYER_TOKEN: 'x' }, { cwd });

test('a plan in the directory of a stack asks for what is pushed', async () => {
  const { stack, git } = clone();
  const { status, stdout } = await plan(stack);
  expect(status).toBe(0);
  expect(stdout).toMatch(/path +prod\/vpc +\(current directory\)/);
  expect(stdout).toMatch(/ref +refs\/heads\/main +\(upstream of main\)/);
  expect(JSON.parse(server.asked.findLast(({ method }) => method === 'POST')?.body ?? '')).toMatchObject({
    path: 'prod/vpc',
    ref: 'refs/heads/main',
    sha: git('rev-parse', 'HEAD'),
  });
});

test('changes that are not committed end with 3 and are named', async () => {
  const { stack } = clone();
  writeFileSync(join(stack, 'nat.tf'), '');
  const { status, stderr } = await plan(stack);
  expect(status).toBe(3);
  expect(stderr).toBe(
    `
✘ branch \`main\` has uncommitted changes, which the server cannot see
  not committed: prod/vpc/nat.tf
  fix: commit and push them
       or take what is pushed:  --ref main
exit 3 · E_NOT_PUSHED
`.trimStart(),
  );
});

test('commits that are not pushed end with 3 and are named', async () => {
  const { stack, git } = clone();
  git('commit', '--quiet', '--allow-empty', '-m', 'add nat gateway');
  const { status, stderr } = await plan(stack);
  expect(status).toBe(3);
  expect(stderr).toContain(`  not pushed: ${git('rev-parse', '--short', 'HEAD')} add nat gateway\n`);
});

test('with --ref the work in the copy does not matter', async () => {
  const { stack } = clone();
  writeFileSync(join(stack, 'nat.tf'), '');
  expect((await plan(stack, '--ref', 'main')).status).toBe(0);
});
