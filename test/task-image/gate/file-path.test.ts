import { expect, test } from 'vitest';
import { canonicalPath } from '../../../policies/path.ts';
import { stackSettings } from '../../../policies/stack.ts';
import { filePaths } from '../../../task-image/gate/file-path.ts';
import type { Module, Wanted } from '../../../task-image/gate/module.ts';
import { type Body, located } from '../../../task-image/hcl/document.ts';
import { value } from '../../support/value.ts';
import { repositoryWith } from './gated.ts';

const repository = repositoryWith();
const stack = value(canonicalPath('prod/vpc'));
const wanted: Wanted = { repository, stack, settings: stackSettings(repository, stack) };

const module = (body: Body, text: string | undefined = undefined): Module => ({
  directory: stack,
  isRoot: true,
  files: [{ file: 'main.tf', root: located({ body, places: [] }).root }],
  tests: [],
  values: [],
  names: () => (text === undefined ? [] : ['t.tpl']),
  text: () => text,
});

const whys = (...modules: Module[]): string[] => [...new Set(filePaths(modules, wanted).map(({ why }) => why))];
const tooMany = ['names too many files to tell which'];
const list = <T>(length: number, one: (at: number) => T): T[] => Array.from({ length }, (_, at) => one(at));

test('goes to the end of a chain of locals, however long', () => {
  const chain = list(50_000, at => [`a${at}`, `\${local.a${at + 1}}`]);
  const locals = Object.fromEntries([...chain, ['a50000', '/etc/passwd']]);
  expect(whys(module({ locals: [locals], output: { x: { value: '${file(local.a0)}' } } }))).toEqual([
    'names a file by an absolute path',
  ]);
});

test('takes no longer for more blocks, names and calls than it takes to read them', () => {
  const blocks = list(100_000, at => ({ [`a${at}`]: 'x' }));
  const calls = list(5000, at => `\${file(local.a${at})}`);
  expect(whys(module({ locals: blocks, output: { x: { value: calls } } }))).toEqual([]);
}, 30_000);

test('looks at so much, over all modules, and refuses what is more', () => {
  const locals = [{ a: list(2000, () => 'x'.repeat(1000)) }];
  const calling = (calls: number): Module =>
    module({ locals, output: { x: { value: list(calls, () => '${file(local.a)}') } } });
  expect(whys(calling(3))).toEqual([]);
  expect(whys(calling(5))).toEqual(tooMany);
  expect(whys(calling(3), calling(3))).toEqual(tooMany);
  expect(whys(module({ x: list(10_000, () => `\${${'file('.repeat(400)}${')'.repeat(400)}}`) }))).toEqual(tooMany);
  const large = list(20, () => module({ x: '${templatefile("t.tpl", {})}' }, 'x'.repeat(1_000_000)));
  expect(whys(...large)).toEqual(tooMany);
}, 30_000);
