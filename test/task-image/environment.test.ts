import { expect, test } from 'vitest';
import { toolEnvironment } from '../../task-image/environment.ts';
import { moduleGit } from '../../task-image/module-git.ts';
import { proxyNamed } from '../../task-image/proxy.ts';

const surroundings = {
  runDir: '/run/x',
  dataDir: '/clone~data',
  runId: 'r_aaaabbbbccccddddeeeeffff22',
  binary: 'terraform',
} as const;

test('Terraform sees exactly this', () => {
  expect(toolEnvironment(surroundings)).toEqual({
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: '/run/x/h',
    TMPDIR: '/run/x/t',
    TF_DATA_DIR: '/clone~data',
    TF_CLI_CONFIG_FILE: '/run/x/cli.tfrc',
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    ...moduleGit([]),
    INFRA_DEPLOYER_RUN: surroundings.runId,
  });
});

test('where a proxy is the way out, Terraform sees that too, and nothing else', () => {
  const proxy = proxyNamed('http://proxy.example.com:3128', 'sts.eu-west-1.amazonaws.com');
  const none = 'localhost,127.0.0.1,169.254.0.0/16,sts.eu-west-1.amazonaws.com';
  expect(toolEnvironment({ ...surroundings, proxy })).toEqual({
    ...toolEnvironment(surroundings),
    ...{ HTTPS_PROXY: proxy.url, https_proxy: proxy.url, NO_PROXY: none, no_proxy: none },
  });
});

test.each([
  ['a user and a password', 'http://user:secret@proxy.example.com:3128', ''],
  ['no port', 'http://proxy.example.com', ''],
  ['another protocol', 'socks5://proxy.example.com:1080', ''],
  ['a path', 'http://proxy.example.com:3128/x', ''],
  ['more lines than one', 'http://proxy.example.com:3128\nX: y', ''],
  ['direct hosts that are none', 'http://proxy.example.com:3128', 'a b'],
])('%s is no proxy', (_, url, direct) => {
  expect(() => proxyNamed(url, direct)).toThrow(/^`INFRA_DEPLOYER_/);
});

test('tofu sees what Terraform sees', () => {
  expect(toolEnvironment({ ...surroundings, binary: 'tofu' })).toEqual(toolEnvironment(surroundings));
});

test('terragrunt is told besides which Terraform it wraps, in its old words and its new ones', () => {
  const seen = toolEnvironment({ ...surroundings, binary: 'terragrunt', wrapped: '/opt/terraform' });
  const added = Object.entries(seen).filter(([name]) => !(name in toolEnvironment(surroundings)));
  expect(Object.fromEntries(added)).toMatchObject({
    TERRAGRUNT_TFPATH: '/opt/terraform',
    TG_TF_PATH: '/opt/terraform',
    TERRAGRUNT_NON_INTERACTIVE: 'true',
    TG_NON_INTERACTIVE: 'true',
  });
  expect(added.map(([name]) => name).filter(name => !/^(TG|TERRAGRUNT)_/.test(name))).toEqual([]);
});

test('nothing of the worker is handed on', () => {
  const worker = {
    INFRA_DEPLOYER_TICKET: 'secret',
    TF_VAR_x: '1',
    TF_LOG: 'trace',
    AWS_PROFILE: 'admin',
    HTTPS_PROXY: 'http://127.0.0.1:1',
    PATH: '/evil',
  };
  const before = { ...process.env };
  const alone = toolEnvironment(surroundings);
  Object.assign(process.env, worker);
  const seen = toolEnvironment(surroundings);
  for (const name of Object.keys(worker)) delete process.env[name];
  Object.assign(process.env, before);
  expect(seen).toEqual(alone);
});
