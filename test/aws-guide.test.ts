/** docs/aws.md says what is there: its names are the module's and the command's, its policies can be installed, its links lead somewhere. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFlagName, twinOf } from '../deployer-cli/flags.ts';
import { functionAddress } from '../deployer-cli/function-address.ts';
import { directAudit } from '../invoker/direct-audit.ts';
import { cloudProblems } from '../policies/cloud-problems.ts';
import { environmentNameFlaw } from '../policies/environment-name.ts';
import { parseAllowlist } from '../policies/parse.ts';
import { canonicalPath } from '../policies/path.ts';
import { stackSettings } from '../policies/stack.ts';
import { checkBackend } from '../task-image/backend.ts';
import { orFail } from '../task-image/failure.ts';
import { type Moto, startMoto } from './support/aws/moto.ts';
import { terraformEnvironment } from './support/environment.ts';
import { requires } from './support/requirements.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { terraform } from './support/terraform.ts';
import { standInEnvironment } from './terraform/apply-module.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const guide = read('docs/aws.md');
const module = readdirSync(join(root, 'terraform'))
  .filter(name => name.endsWith('.tf'))
  .map(name => read(`terraform/${name}`))
  .join('\n');

const blocks = (language: string, page = guide): string[] =>
  matches(page, new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
const prose = guide.replaceAll(/^```.*?^```/gms, '');
const commands = blocks('sh').flatMap(block => block.trim().split('\n'));
const configuration = blocks('hcl').join('\n');

const otherCloud = blocks('yaml').find(block => block.includes('endpoint:')) ?? '';

const variables = new Set(matches(module, /^variable "(\w+)"/gm));
const outputs = new Set(matches(module, /^output "(\w+)"/gm));
const attributes = new Set(matches(read('terraform/variables.tf'), /^ {4}(\w+) += /gm));

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found = '']) => found);
}

describe('the guide to AWS', () => {
  test('gives the module variables that it has, and all that it needs', () => {
    const [, call = ''] = /^module "infra_deployer" \{\n(.*?)^\}/ms.exec(configuration) ?? [];
    const given = matches(call, /^ {2}(\w+) += /gm).filter(name => name !== 'source');
    for (const name of given) expect(variables).toContain(name);
    for (const name of matches(call, /^ {4}(\w+) += /gm)) expect(attributes).toContain(name);
    for (const [, name = '', body = ''] of module.matchAll(/^variable "(\w+)" \{\n(.*?)^\}/gms))
      if (!/^ {2}default +=/m.test(body)) expect(given).toContain(name);
  });

  test('reads outputs that the module has', () => {
    const told = matches(configuration, /^output "(\w+)"/gm);
    for (const name of matches(configuration, /module\.infra_deployer\.(\w+)/g)) expect(outputs).toContain(name);
    for (const name of matches(commands.join('\n'), /terraform output -raw (\w+)/g)) expect(told).toContain(name);
  });

  test('names in its text only what the module or the policy has', () => {
    const policyKeys = new Set(matches(read('policies/allowlist.schema.json'), /"(\w+)":/g));
    const names = matches(prose, /`([a-z]+(?:_[a-z]+)+)(?::[^`]*)?`/g);
    expect(names.length).toBeGreaterThan(30);
    const known = new Set([...variables, ...outputs, ...attributes, ...policyKeys, ...backendSettings]);
    for (const name of names) expect(known).toContain(name);
  });

  test('has policies that an installation takes', () => {
    const snippets = blocks('yaml');
    const policy = snippets.find(block => block.includes('version: 1')) ?? '';
    const trust = snippets.find(block => block.startsWith('trust_invoker')) ?? '';
    const rule = snippets.find(block => block.startsWith('      - {name')) ?? '';
    const readmeStacks = blocks('yaml', read('README.md')).find(block => block.startsWith('    stacks:')) ?? '';
    expect([policy, otherCloud, trust, rule, readmeStacks]).not.toContain('');
    const all = [
      policy,
      policy.replace(/ {4}stacks:\n.*/s, otherCloud),
      policy.replace('    stacks:', `${rule}    stacks:`) + trust,
      policy.replace(/ {4}stacks:\n.*/s, readmeStacks),
      read('terraform/examples/allowlist.yaml'),
    ];
    for (const text of all) {
      const parsed = parseAllowlist(text, 'policy.yaml');
      expect(parsed).toMatchObject({ ok: true });
      expect(parsed.ok && cloudProblems(parsed.policy)).toEqual([]);
    }
  });

  test('runs commands with flags and variables that there are', () => {
    const asked = commands.filter(command => command.startsWith('infra-deployer '));
    expect(asked.length).toBeGreaterThan(1);
    for (const flag of matches(asked.join('\n'), / --([a-z-]+)/g)) expect(isFlagName(flag), flag).toBe(true);
    for (const server of matches(guide, /(?:--server |_SERVER: )(lambda:[\w:-]+)/g))
      expect(functionAddress(server), server).toBeDefined();
    const settings = [twinOf('server'), 'INFRA_DEPLOYER_ID_TOKEN'];
    for (const name of matches(guide, /\b(INFRA_DEPLOYER_[A-Z_]+)/g)) expect(settings).toContain(name);
    const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
    for (const name of matches(guide, /npm run ([a-z]+)/g)) expect(scripts).toHaveProperty(name);
    for (const flag of matches(guide, /npm run image -- --([a-z-]+)/g))
      expect(read('image.config.ts')).toContain(`--${flag}`);
  });

  test('explains an alarm for each event that functions log', () => {
    const [, events = ''] = /^export type LogEvent = (.*);$/m.exec(read('invoker/aws/log.ts')) ?? [];
    const logged = matches(events, /'([a-z-]+)'/g).sort();
    expect(logged.length).toBeGreaterThan(3);
    expect(matches(read('terraform/alarms.tf'), /^ {4}([a-z-]+) += \{ from = /gm).sort()).toEqual(logged);
    expect(matches(guide, /^\| `…-([a-z-]+)` \|/gm).sort()).toEqual(
      [...logged, 'bad-ticket', 'keeper', 'keeper-silent'].sort(),
    );
  });

  test('asks the audit door what it answers', async () => {
    const [payload = ''] = matches(commands.join('\n'), /--payload '(.+?)'/g);
    const entries = [{ seq: 1 }] as never;
    const door = directAudit({ operations: { listAudit: async () => ({ entries }) } as never, failed: () => {} });
    expect(await door(JSON.parse(payload))).toEqual({ status: 200, body: { entries } });
  });

  test('says rightly which names a secret may fill', () => {
    for (const name of ['SCW_SECRET_KEY', 'GITLAB_TOKEN', 'SCW_DEFAULT_PROJECT_ID', 'TF_VAR_name', 'AWS_ACCESS_KEY_ID'])
      expect(environmentNameFlaw(name, false), name).toBeUndefined();
    expect(environmentNameFlaw('AWS_ACCESS_KEY_ID', true)).toBeDefined();
    expect(environmentNameFlaw('HTTPS_PROXY', false)).toBeDefined();
  });
});

describe.skipIf(requires('terraform', 'aws provider'))('the configuration of the guide', () => {
  test('can be applied, and tells the trust that the guide shows', async () => {
    const dir = temporaryDirectory('guide');
    cpSync(join(root, 'terraform'), join(dir, 'infra-deployer/terraform'), { recursive: true });
    mkdirSync(join(dir, 'infra-deployer/dist'));
    writeFileSync(join(dir, 'infra-deployer/dist/lambda.zip'), 'zip');
    writeFileSync(join(dir, 'policy.yaml'), blocks('yaml')[0] ?? '');
    writeFileSync(join(dir, 'main.tf'), configuration);
    const options = { env: standInEnvironment(dir), timeoutMs: 120_000 };
    for (const command of ['init', 'apply -auto-approve'])
      await terraform(dir, [...command.split(' '), '-input=false'], options);
    const { stdout } = await terraform(dir, ['output', '-raw', 'target_trust_policy'], options);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(blocks('json')[0] ?? ''));
  }, 120_000);
});

describe.skipIf(requires('terraform', 'aws'))('a store that is not of AWS', () => {
  let store: Moto;
  beforeAll(async () => {
    store = await startMoto();
    await fetch(`${store.url}/acme-tfstate`, { method: 'PUT' });
  });
  afterAll(() => store.stop());

  test('keeps the state as the guide has the policy say', async () => {
    const text = (blocks('yaml')[0] ?? '')
      .replace(/ {4}stacks:\n.*/s, otherCloud)
      .replace(/https:.*scw.cloud/, store.url);
    const parsed = parseAllowlist(
      text.replace('region: fr-par', '$&\n            use_path_style: "true"'),
      'policy.yaml',
    );
    const [repository] = parsed.ok ? [...parsed.policy.repositories.values()] : [];
    if (repository === undefined) throw new Error('the policy of the guide is none');
    const settings = stackSettings(repository, orFail(canonicalPath('prod/vpc')));
    const config = Object.entries(settings.backend?.config ?? {}).map(
      ([name, value]) => `-backend-config=${name}=${value}`,
    );

    const dir = temporaryDirectory('other-cloud');
    writeFileSync(join(dir, 'main.tf'), 'terraform {\n  backend "s3" {}\n}\nresource "terraform_data" "x" {}\n');
    const env = terraformEnvironment({ AWS_ACCESS_KEY_ID: 'SCWX', AWS_SECRET_ACCESS_KEY: 'x' });
    for (const command of [
      ['init', ...config],
      ['apply', '-auto-approve'],
    ])
      await terraform(dir, [...command, '-input=false'], { env, timeoutMs: 60_000 });

    expect(checkBackend(settings, join(dir, '.terraform'), false)).toBe(false);
    const { stdout } = await terraform(dir, ['state', 'list'], { env });
    expect(stdout.trim()).toBe('terraform_data.x');
  }, 180_000);
});

/** Of Terraform's S3 backend, which the guide explains. */
const backendSettings = ['use_path_style', 'skip_s3_checksum', 'use_lockfile'];

describe('links', () => {
  test.each(['README.md', 'SECURITY.md', 'docs/aws.md', 'docs/permissions.md'])('of %s lead to what is there', file => {
    for (const target of matches(read(file), /\]\(([^)]+)\)/g).filter(target => !target.startsWith('https://'))) {
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? file : join(dirname(file), path);
      expect(existsSync(join(root, linked)), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(read(linked)), target).toContain(anchor);
    }
  });
});

const anchorsOf = (page: string): string[] =>
  matches(page, /^#+ (.+)$/gm).map(heading =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
