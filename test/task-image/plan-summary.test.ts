import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { FinishSchema } from '../../policies/contract/worker.ts';
import { readPlan } from '../../task-image/plan-file.ts';
import { planSummary } from '../../task-image/plan-summary.ts';
import { requires } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { terraform } from '../support/terraform.ts';

const none = { create: 0, update: 0, delete: 0, replace: 0 };
const change = (address: string, ...actions: string[]) => ({ address, change: { actions } });

describe('the summary of a plan', () => {
  test('counts every change once, a replacement in either order as one', () => {
    const resource_changes = [
      change('a.create', 'create'),
      change('a.update', 'update'),
      change('a.delete', 'delete'),
      change('a.replace', 'delete', 'create'),
      change('a.replace_first', 'create', 'delete'),
      change('a.same', 'no-op'),
      change('data.a.later', 'read'),
      change('a.forgotten', 'forget'),
    ];
    expect(planSummary({ terraform_version: '1.11.4', resource_changes })).toEqual({
      version: '1.11.4',
      counts: { create: 1, update: 1, delete: 1, replace: 2 },
      changes: [
        { address: 'a.create', action: 'create' },
        { address: 'a.update', action: 'update' },
        { address: 'a.delete', action: 'delete' },
        { address: 'a.replace', action: 'replace' },
        { address: 'a.replace_first', action: 'replace' },
      ],
    });
  });

  test('is empty where nothing changes', () => {
    expect(planSummary({})).toEqual({ counts: none, changes: [] });
  });

  test('counts all changes of a huge plan, and names as many as fit into a report', () => {
    const resource_changes = Array.from({ length: 20_000 }, (_, index) => change(`a.x[${index}]`, 'create'));
    const { counts, changes } = planSummary({ resource_changes });
    expect(counts.create).toBe(20_000);
    expect(changes[0]).toEqual({ address: 'a.x[0]', action: 'create' });
    expect(changes.length).toBeGreaterThan(1000);
    expect(Value.Check(FinishSchema, { outcome: 'succeeded', counts, changes: [...changes] })).toBe(true);
    expect(JSON.stringify(changes).length).toBeLessThan(512 * 1024);
  });

  test('does not name a resource whose address no record can hold, but counts it', () => {
    const resource_changes = [change(`a.x["${'k'.repeat(5000)}"]`, 'create'), change('a.y', 'create')];
    expect(planSummary({ resource_changes })).toMatchObject({
      counts: { create: 2 },
      changes: [{ address: 'a.y', action: 'create' }],
    });
  });
});

describe.skipIf(requires('terraform'))('with plans of a real Terraform', () => {
  const resource = (name: string, input: string) => `resource "terraform_data" "${name}" {\n  input = "${input}"\n}\n`;
  const stack = () => {
    const directory = temporaryDirectory('stack');
    const write = (text: string) => writeFileSync(join(directory, 'main.tf'), text);
    const plan = async () => {
      const file = join(directory, 'plan');
      await terraform(directory, ['plan', '-input=false', '-lock=false', `-out=${file}`]);
      const { stdout } = await terraform(directory, ['show', '-json', file]);
      return { file, summary: planSummary(JSON.parse(stdout)), state: readPlan(readFileSync(file)).state };
    };
    return { directory, write, plan };
  };

  test('tells creations, changes, replacements and deletions, with the state each was made from', async () => {
    const { directory, write, plan } = stack();
    write(`${resource('a', '1')}${resource('b', '1')}resource "terraform_data" "c" {\n  triggers_replace = "1"\n}\n`);
    await terraform(directory, ['init', '-input=false']);
    const first = await plan();
    expect(first.summary.counts).toEqual({ ...none, create: 3 });
    expect(first.summary.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(first.state.before).toBe(0);
    await terraform(directory, ['apply', '-input=false', first.file]);
    const state = JSON.parse(readFileSync(join(directory, 'terraform.tfstate'), 'utf8')) as {
      lineage: string;
      serial: number;
    };

    write(`${resource('a', '2')}resource "terraform_data" "c" {\n  triggers_replace = "2"\n}\n`);
    const second = await plan();
    expect(second.summary.counts).toEqual({ create: 0, update: 1, delete: 1, replace: 1 });
    expect(second.summary.changes).toEqual([
      { address: 'terraform_data.a', action: 'update' },
      { address: 'terraform_data.b', action: 'delete' },
      { address: 'terraform_data.c', action: 'replace' },
    ]);
    expect(second.state).toEqual({ lineage: state.lineage, before: state.serial });
  }, 30_000);

  test('sees no resource change where only an output or nothing changes', async () => {
    const { directory, write, plan } = stack();
    write(resource('a', '1'));
    await terraform(directory, ['init', '-input=false']);
    await terraform(directory, ['apply', '-input=false', '-auto-approve']);
    expect((await plan()).summary).toMatchObject({ counts: none, changes: [] });
    write(`${resource('a', '1')}output "x" {\n  value = "new"\n}\n`);
    expect((await plan()).summary).toMatchObject({ counts: none, changes: [] });
  }, 30_000);

  test('names resources of modules and of for_each by their whole address', async () => {
    const { directory, write, plan } = stack();
    mkdirSync(join(directory, 'm'));
    writeFileSync(join(directory, 'm/main.tf'), resource('inner', '1').replace('{', '{\n  for_each = toset(["a/b"])'));
    write('module "m" {\n  source = "./m"\n}\n');
    await terraform(directory, ['init', '-input=false']);
    expect((await plan()).summary.changes).toEqual([
      { address: 'module.m.terraform_data.inner["a/b"]', action: 'create' },
    ]);
  }, 30_000);
});
