import { expect, test } from 'vitest';
import { roomProblems } from './room-rule.ts';

const problems = (path: string, text: string) => roomProblems([{ path, text }], ['fastify', 'typebox', 'yaml']);

test.each([
  ['policies/a.ts', "import { Type } from 'typebox';\nimport { b } from './contract/b.ts';"],
  ['policies/a.ts', "import { Compile } from 'typebox/compile';\nimport { createHmac } from 'node:crypto';"],
  ['invoker/doors/a.ts', "import fastify from 'fastify';\nimport type { Run } from '../../policies/contract/run.ts';"],
  ['invoker/a.ts', "import { readFileSync } from 'node:fs';"],
  ['deployer-cli/a.ts', "import { read } from '../task-image/hcl/read.ts';"],
  ['deployer-cli/a.ts', "return from('CI_COMMIT_TAG');"],
  ['test/a.ts', "import { x } from '../invoker/x.ts';"],
])('lets %s say %s', (path, text) => {
  expect(problems(path, text)).toEqual([]);
});

test.each([
  ['policies/a.ts', "import { readFileSync } from 'node:fs';", 'node:fs'],
  ['policies/a.ts', "import type { Ledger } from '../invoker/ledger.ts';", '../invoker/ledger.ts'],
  ['policies/a.ts', "import {\n  a,\n  b,\n} from 'fastify';", 'fastify'],
  ['invoker/a.ts', "const worker = await import('../task-image/process.ts');", '../task-image/process.ts'],
  ['invoker/a.ts', "import { test } from 'vitest';", 'vitest'],
  ['task-image/a.ts', "export { x } from '../deployer-cli/x.ts';", '../deployer-cli/x.ts'],
  ['task-image/a.ts', "import '../test/support/server.ts';", '../test/support/server.ts'],
  ['deployer-cli/a.ts', "import { work } from '../task-image/work.ts';", '../task-image/work.ts'],
])('names the import in %s that its room may not have: %s', (path, text, specifier) => {
  const room = path.split('/')[0];
  expect(problems(path, text)).toEqual([`${path} imports \`${specifier}\`, which ${room}/ may not`]);
});
