import { expect, test } from 'vitest';
import { readPlan } from '../../task-image/plan-file.ts';
import { problemFrom } from './parts.ts';
import { zipOf } from './zip.ts';

/** A backend of type `s3` without settings, as planfile.proto has it. */
const tfplan = Buffer.from('\x6a\x12\x0a\x02s3\x12\x03\x0a\x01\x80\x1a\x07default', 'latin1');
const parts = {
  tfplan,
  tfstate: '{"lineage": "l", "serial": 3}',
  'tfconfig/modules.json': '[{"Key": "", "Dir": "."}, {"Key": "a", "Source": "./a", "Dir": "a"}]',
  'tfconfig/m-/main.tf': '# root',
  'tfconfig/m-a/main.tf': '# a',
};
const planOf = (differences: Readonly<Record<string, string | Buffer>> = {}) =>
  zipOf(Object.entries({ ...parts, ...differences }).map(([name, text]) => ({ name, text })));

test('a plan has its state, its lock, its modules and its backend', () => {
  const { state, lock, modules, backend } = readPlan(planOf({ '.terraform.lock.hcl': '# lock' }));
  expect(state).toEqual({ lineage: 'l', before: 3 });
  expect(lock?.toString()).toBe('# lock');
  expect([...modules]).toEqual([
    ['', { directory: '.', files: new Map([['main.tf', Buffer.from('# root')]]) }],
    ['a', { directory: 'a', files: new Map([['main.tf', Buffer.from('# a')]]) }],
  ]);
  expect(backend).toEqual({ type: 's3', config: {}, workspace: 'default' });
});

test('of a state that is not known yet nothing is told', () => {
  expect(readPlan(planOf({ tfstate: '{"lineage": "", "serial": "three"}' })).state).toEqual({});
});

test.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['the start of an archive', Buffer.from('PK')],
  ['cut short', planOf().subarray(0, -1)],
  ['an archive of something else', zipOf([{ name: 'a', text: 'x' }])],
  ['with a state that is no JSON', planOf({ tfstate: 'hunter2' })],
  ['with a state that is nothing', planOf({ tfstate: 'null' })],
  ['with a backend that cannot be read', planOf({ tfplan: 'x' })],
  ['with a list of modules that is no JSON', planOf({ 'tfconfig/modules.json': 'hunter2' })],
  ['with a list of modules that is none', planOf({ 'tfconfig/modules.json': '{"Key": ""}' })],
  ['with modules that are none', planOf({ 'tfconfig/modules.json': '[null, "hunter2"]' })],
  ['with a module that is nowhere', planOf({ 'tfconfig/modules.json': '[{"Key": ""}]' })],
  [
    'with a module that is there twice',
    planOf({ 'tfconfig/modules.json': parts['tfconfig/modules.json'].replace('"a"', '""') }),
  ],
  [
    'with a module whose directory is another for Go',
    planOf({ 'tfconfig/modules.json': parts['tfconfig/modules.json'].replace('"."', '".", "dir": "/"') }),
  ],
  ['with files of a module that is not listed', planOf({ 'tfconfig/m-b/main.tf': '' })],
  ['with an entry that plans do not have', planOf({ other: '' })],
])('no plan is one that is %s', async (_what, file) => {
  const problem = await problemFrom(async () => readPlan(file));
  expect(problem).toMatchObject({
    code: 'E_PLAN_DAMAGED',
    message: expect.stringContaining('that Terraform has written'),
  });
  expect(JSON.stringify(problem)).not.toContain('hunter2');
});

test.each(['tfplan', 'tfstate', 'tfconfig/modules.json'])('no plan is one without its %s', async missing => {
  const entries = Object.entries(parts).filter(([name]) => name !== missing);
  const file = zipOf(entries.map(([name, text]) => ({ name, text })));
  expect(await problemFrom(async () => readPlan(file))).toMatchObject({ code: 'E_PLAN_DAMAGED' });
});
