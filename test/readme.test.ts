/** The README says what the code does: its commands are run, its policy is read, its tables are those of the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorCatalog } from '../policies/contract/error.ts';
import { parseAllowlist } from '../policies/parse.ts';
import { exampleRepository } from './demo/example-repository.ts';
import { requires } from './support/requirements.ts';
import { runCli, type Server, startServer } from './support/server.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);

const commands = blocks('sh').flatMap(block => block.trim().split('\n'));
const policy = blocks('yaml').find(block => block.includes('repositories:')) ?? '';

describe('the README', () => {
  test('has no command that no test runs', () => {
    expect(commands).toEqual([
      'npx -y -p node@24 -- npm run demo', // test/demo/demo.test.ts
      'npx -y -p node@24 -- npm test', // this very run
      'npx -y -p node@24 -- npm run build', // test/support/global-setup.ts, by the same bundler
      'node dist/infra-deployer-server.js --policy policy.yaml --data-dir data',
      'export INFRA_DEPLOYER_SERVER=http://127.0.0.1:PORT INFRA_DEPLOYER_TOKEN=…',
      ...asked,
    ]);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    for (const name of readme.matchAll(/npm (?:run )?(demo|test|build|check|bench|image)\b/g))
      expect(scripts).toHaveProperty(name[1] ?? '');
  });

  test('has a policy that can be started with', () => {
    expect(parseAllowlist(policy, 'policy.yaml')).toMatchObject({ ok: true });
  });

  test('has issuers and an identity that belong to it', () => {
    const issuers = blocks('yaml').find(block => block.startsWith('issuers:')) ?? '';
    const rule = blocks('yaml').find(block => block.includes('identity:')) ?? '';
    expect(
      parseAllowlist(`${policy.replace(/ +- \{name: apply-reviewed.*\n/, rule)}${issuers}`, 'policy.yaml'),
    ).toMatchObject({ ok: true });
  });

  test('has the exit codes of the errors', () => {
    const table = new Set([...readme.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code)));
    for (const { exit } of Object.values(errorCatalog)) expect(table).toContain(exit);
  });
});

const asked = [
  'infra-deployer --command plan --path prod/vpc --ref main',
  'infra-deployer --command apply --path prod/vpc --ref main',
  'infra-deployer runs list',
];

describe.skipIf(requires('terraform'))("the README's way to one's own repository", () => {
  let server: Server;
  beforeAll(async () => {
    const { dir } = exampleRepository(join(temporaryDirectory('own'), 'infra-live.git'));
    const local = policy
      .replace(/url: .*\n/, `url: ${dir}\n`)
      .replace(/ +deploy_key: .*\n/, '')
      .replace(/ +known_hosts: .*\n.*\n/, '');
    server = await startServer({ policy: local });
  });
  afterAll(() => server.stop());

  test.each(asked)('%s', async command => {
    const [, ...args] = command.split(' ');
    const token = args[0] === 'runs' ? server.tokens.audit : server.tokens.deploy;
    const { status, stderr } = await runCli(args, { INFRA_DEPLOYER_SERVER: server.url, INFRA_DEPLOYER_TOKEN: token });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
