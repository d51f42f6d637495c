import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPlan } from '../../task-image/plan-file.ts';
import { provePlan } from '../../task-image/plan-proof.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { toolOnPath } from '../support/terraform.ts';
import { problemFrom } from './parts.ts';

const tools = (['terraform', 'tofu'] as const).filter(toolOnPath);

const files = {
  'prod/vpc/main.tf': `terraform {
  backend "local" {
    path = "x.tfstate"
  }
}
module "a" {
  source = "../../modules/a"
}
`,
  'prod/vpc/more.tf.json': '{"locals": {"x": 1}}',
  'prod/vpc/notes.txt': 'not read',
  'modules/a/main.tf': 'module "b" {\n  source = "./b"\n}\n',
  'modules/a/b/main.tf': 'resource "terraform_data" "b" {}\n',
};

describe.skipIf(requires('terraform')).each(tools)('a plan made by %s', { timeout: 60_000 }, binary => {
  /** A stack that is initialised, and the plan that was made in it. */
  function planned(differences: Readonly<Record<string, string>> = {}) {
    const root = temporaryDirectory('clone');
    const cwd = join(root, 'prod/vpc');
    const dataDir = join(temporaryDirectory('data'), 'd');
    const write = (all: Readonly<Record<string, string>>) => {
      for (const [name, text] of Object.entries(all)) {
        mkdirSync(dirname(join(root, name)), { recursive: true });
        writeFileSync(join(root, name), text);
      }
    };
    const run = (...args: string[]) =>
      execFileSync(binary, args, { cwd, env: { PATH: process.env.PATH, TF_DATA_DIR: dataDir }, stdio: 'pipe' });
    write({ ...files, ...differences });
    run('init', '-input=false');
    run('plan', '-input=false', '-out=/dev/null');
    run('plan', '-input=false', `-out=${join(root, 'plan')}`);
    return { root, cwd, write, run, plan: readFileSync(join(root, 'plan')), initialised: { cwd, dataDir, binary } };
  }
  const problem = (plan: Buffer, { initialised }: Pick<ReturnType<typeof planned>, 'initialised'>) =>
    problemFrom(async () => provePlan(readPlan(plan), initialised));

  test('is proved where the commit is as it was', () => {
    const { plan, initialised } = planned();
    expect(() => provePlan(readPlan(plan), initialised)).not.toThrow();
  });

  test('is proved where the state is kept by the machine, which has no backend', () => {
    const { plan, initialised } = planned({ 'prod/vpc/main.tf': 'resource "terraform_data" "x" {}\n' });
    expect(() => provePlan(readPlan(plan), initialised)).not.toThrow();
  });

  test('is proved where tests of the stack call modules, which are installed and not planned', () => {
    const { plan, initialised } = planned({
      'prod/vpc/tests/main.tftest.hcl': 'run "setup" {\n  module {\n    source = "./tests/setup"\n  }\n}\n',
      'prod/vpc/tests/setup/main.tf': 'output "x" {\n  value = 1\n}\n',
    });
    const installed = readFileSync(join(initialised.dataDir, 'modules/modules.json'), 'utf8');
    expect(installed).toContain('test.tests.main.setup');
    expect(() => provePlan(readPlan(plan), initialised)).not.toThrow();
  });

  test('is proved where OpenTofu has a file of its own to take in the place of another', () => {
    const { plan, initialised } = planned({ 'prod/vpc/more.tofu.json': '{"locals": {"x": 2}}' });
    expect(() => provePlan(readPlan(plan), initialised)).not.toThrow();
  });

  test.each<[string, (root: string) => void]>([
    ['says something else', root => writeFileSync(join(root, 'modules/a/b/main.tf'), '# nothing\n')],
    ['has one file more', root => writeFileSync(join(root, 'prod/vpc/z.tf'), '')],
    ['has one file less', root => rmSync(join(root, 'prod/vpc/more.tf.json'))],
    ['has it under another name', root => renameSync(join(root, 'prod/vpc/main.tf'), join(root, 'prod/vpc/other.tf'))],
  ])('is refused where the commit %s', async (_what, change) => {
    const stack = planned();
    change(stack.root);
    expect(await problem(stack.plan, stack)).toMatchObject({
      code: 'E_PLAN_DAMAGED',
      message: 'the saved plan holds another configuration than its commit has',
    });
  });

  test('is proved whatever else lies beside it', () => {
    const { root, plan, initialised } = planned();
    for (const name of ['notes.txt', '.hidden.tf', 'main.tf~', '#main.tf#', 'a.tfvars', 'x.tftest.hcl'])
      writeFileSync(join(root, 'prod/vpc', name), 'x');
    mkdirSync(join(root, 'prod/vpc/directory.tf'));
    expect(() => provePlan(readPlan(plan), initialised)).not.toThrow();
  });

  test('is refused where it is for another backend, or another workspace', async () => {
    const stack = planned();
    const other = planned({ 'prod/vpc/main.tf': files['prod/vpc/main.tf'].replace('x.tfstate', 'y.tfstate') });
    // Its configuration alone would say so too.
    other.write(files);
    const elsewhere = { code: 'E_PLAN_DAMAGED', message: 'the saved plan is for another backend than this stack has' };
    expect(await problem(other.plan, stack)).toMatchObject(elsewhere);
    stack.run('workspace', 'new', 'evil');
    stack.run('plan', '-input=false', `-out=${join(stack.root, 'plan')}`);
    expect(await problem(readFileSync(join(stack.root, 'plan')), stack)).toMatchObject(elsewhere);
  });

  test('is refused where it leaves out the stack itself', async () => {
    const { plan, initialised } = planned();
    const saved = readPlan(plan);
    const modules = new Map([...saved.modules].filter(([key]) => key !== ''));
    expect(modules.size).toBeGreaterThan(0);
    expect(await problemFrom(async () => provePlan({ ...saved, modules }, initialised))).toMatchObject({
      code: 'E_PLAN_DAMAGED',
    });
  });
});
