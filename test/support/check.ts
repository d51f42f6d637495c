/** The gate, `npm run check`: types, lint and format, the generated schema, and the rule of the rooms. */
import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { run } from './command.ts';
import { roomNames, roomProblems } from './room-rule.ts';
import { allowlistJsonSchema } from './write-schema.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Each answers with what is wrong, and with nothing when all is well. */
const checks: Readonly<Record<string, () => string | Promise<string>>> = {
  types: () => tool('typescript/bin/tsc', ['--noEmit', '--project', '.']),
  'lint and format': () => tool('@biomejs/biome/bin/biome', ['ci', '--error-on-warnings', '--colors=off']),
  'allowlist.schema.json': () =>
    read('policies/allowlist.schema.json') === allowlistJsonSchema() ? '' : 'not current\n  fix: npm run schema',
  rooms: () => {
    const paths = globSync(
      roomNames.map(room => `${room}/**/*.ts`),
      { cwd: root },
    ).map(path => path.replaceAll(sep, '/'));
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    return roomProblems(
      paths.map(path => ({ path, text: read(path) })),
      Object.keys(dependencies),
    ).join('\n');
  },
};

async function tool(bin: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(process.execPath, [join(root, 'node_modules', bin), ...args], {
    cwd: root,
  });
  return status === 0 ? '' : `${stdout}${stderr}`.trim() || `exit ${status}`;
}

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const start = performance.now();
  const problem = await check();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${problem === '' ? '✔' : '✘'} ${name}  ${seconds} s${problem && `\n${problem.replace(/^/gm, '    ')}`}`);
  if (problem !== '') failed += 1;
}
if (failed > 0) {
  console.log(`${failed} of ${Object.keys(checks).length} checks failed`);
  process.exitCode = 1;
}
