import { describe, expect, test } from 'vitest';
import { environmentNameFlaw, environmentNamePattern } from '../../policies/environment-name.ts';
import { toolEnvironment } from '../../task-image/environment.ts';

const hasForm = (name: string): boolean => new RegExp(environmentNamePattern).test(name);
const isRefused = (name: string): boolean => !hasForm(name) || environmentNameFlaw(name, false) !== undefined;

describe('a variable that a secret may fill', () => {
  test.each([
    ...['SCW_ACCESS_KEY', 'SCW_SECRET_KEY', 'SCW_DEFAULT_PROJECT_ID', 'SCW_DEFAULT_REGION', 'CLOUDFLARE_API_TOKEN'],
    ...[
      'CLOUDFLARE_EMAIL',
      'ARM_CLIENT_ID',
      'ARM_CLIENT_SECRET',
      'ARM_TENANT_ID',
      'GOOGLE_CREDENTIALS',
      'HCLOUD_TOKEN',
    ],
    ...['GITLAB_TOKEN', 'DD_API_KEY', 'OS_PASSWORD', 'OS_USERNAME', 'GRAFANA_AUTH', 'TFE_TOKEN', 'VAULT_TOKEN'],
    ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION', 'AWS_DEFAULT_REGION'],
    ...['TF_VAR_db_password', 'TF_VAR_X', `TF_VAR_${'x'.repeat(57)}`, `${'A'.repeat(60)}_KEY`],
  ])('is %s', name => {
    expect(isRefused(name)).toBe(false);
  });

  const ofTheWorker = [
    ...Object.keys(toolEnvironment({ runDir: '/r', dataDir: '/d', runId: 'r_1', binary: 'terraform' })),
    ...Object.keys(toolEnvironment({ runDir: '/r', dataDir: '/d', runId: 'r_1', binary: 'terragrunt' })),
  ];
  test.each([...new Set(ofTheWorker)])('is not %s, which the worker sets', name => {
    expect(isRefused(name)).toBe(true);
  });

  test.each([
    // Terraform and Terragrunt
    ...['TF_CLI_ARGS', 'TF_CLI_ARGS_plan', 'TF_WORKSPACE', 'TF_LOG', 'TF_LOG_PATH', 'TF_REATTACH_PROVIDERS'],
    ...['TF_PLUGIN_CACHE_DIR', 'TF_TOKEN_registry_example_com', 'TF_ENCRYPTION', 'TF_STATE_PERSIST_INTERVAL'],
    ...['TF_HTTP_PASSWORD', 'TF_VAR_', 'TF_VARX_KEY', 'TG_IAM_ASSUME_ROLE_ID', 'TERRAGRUNT_PROVIDER_CACHE_TOKEN'],
    // The worker, and the platform it runs on
    ...['INFRA_DEPLOYER_TICKET', 'INFRA_DEPLOYER_TOKEN', 'INFRA_DEPLOYER_ID_TOKEN', 'ECS_CONTAINER_METADATA_URI_V4'],
    ...['AWS_CONTAINER_AUTHORIZATION_TOKEN', 'AWS_CONTAINER_CREDENTIALS_FULL_URI', 'AWS_ENDPOINT_URL', 'AWS_PROFILE'],
    ...[
      'AWS_ROLE_ARN',
      'AWS_WEB_IDENTITY_TOKEN_FILE',
      'AWS_CA_BUNDLE',
      'AWS_LAMBDA_RUNTIME_API',
      'AWS_STS_ENDPOINT_ID',
    ],
    // git, ssh and TLS
    ...['GIT_SSH_COMMAND', 'GIT_CONFIG_PARAMETERS', 'GIT_ASKPASS', 'GIT_SIGNING_KEY', 'SSH_AUTH_SOCK', 'SSH_ASKPASS'],
    ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'SSLKEYLOGFILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'OPENSSL_CONF'],
    ...[
      'HTTPS_PROXY',
      'HTTP_PROXY',
      'NO_PROXY',
      'ALL_PROXY',
      'https_proxy',
      'VAULT_ADDR',
      'OS_AUTH_URL',
      'SCW_API_URL',
    ],
    // Shells, loaders and languages
    ...['PATH', 'HOME', 'TMPDIR', 'ENV', 'IFS', 'SHELL', 'USER', 'BASH_ENV', 'PROMPT_COMMAND', 'PAGER', 'EDITOR'],
    ...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT', 'DYLD_INSERT_LIBRARIES', 'GLIBC_TUNABLES', 'GCONV_PATH'],
    ...['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'PYTHONPATH', 'PYTHONSTARTUP', 'PERL5OPT', 'RUBYOPT', 'GODEBUG'],
    ...['JAVA_TOOL_OPTIONS', 'KUBECONFIG', 'KUBE_CONFIG_PATH', 'DOCKER_HOST', 'HOSTALIASES', 'RES_OPTIONS'],
    // Not the form
    ...[
      '',
      'scw_secret_key',
      'SCW-SECRET-KEY',
      '1_KEY',
      '_KEY',
      'A_KEY\n',
      'A_KEY=x',
      `${'A'.repeat(61)}_KEY`,
      'TF_VAR_a-b',
    ],
  ])('is not %j', name => {
    expect(isRefused(name)).toBe(true);
  });

  test('is no credential of AWS where a role gives them', () => {
    expect(environmentNameFlaw('AWS_ACCESS_KEY_ID', true)).toEqual({
      message: 'would outweigh `role`',
      fix: 'keep one of the two',
    });
    expect(environmentNameFlaw('SCW_ACCESS_KEY', true)).toBeUndefined();
  });
});
