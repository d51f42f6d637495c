import { describe, expect, test } from 'vitest';
import { usualSettings } from '../../policies/allowlist.ts';
import { canonicalPath } from '../../policies/path.ts';
import { stackSettings } from '../../policies/stack.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';

function settingsOf(stacks: readonly object[] | undefined, path: string) {
  const rules = [{ name: 'a', deny: ['plan'] }];
  const body = { version: 1, repositories: { infra: { url: '/srv/infra.git', rules, ...(stacks && { stacks }) } } };
  const repository = policyFrom(body).repositories.get('infra');
  return repository && stackSettings(repository, value(canonicalPath(path)));
}

describe('stackSettings', () => {
  test('has a default for everything that must be known', () => {
    expect(settingsOf(undefined, 'prod/vpc')).toEqual(usualSettings);
  });

  test('takes all entries that match together, and no other', () => {
    const stacks = [
      { paths: ['prod/**'], binary: 'tofu', version: '1.9.0' },
      { paths: ['*/vpc', 'x'], limits: { minutes: 60 } },
      { paths: ['prod/vpc'], limits: { plan_hours: 2 }, binary: 'tofu' },
      { paths: ['staging/**'], binary: 'terragrunt' },
    ];
    expect(settingsOf(stacks, 'prod/vpc')).toEqual({
      ...usualSettings,
      binary: 'tofu',
      version: '1.9.0',
      minutes: 60,
      planHours: 2,
    });
    expect(settingsOf(stacks, 'x')).toEqual({ ...usualSettings, minutes: 60 });
  });

  test('takes what a stack may use and where its parts come from', () => {
    const entry = {
      paths: ['**'],
      reads: ['network/**'],
      lock_file: 'generated',
      providers: { mirror: '/srv/providers' },
      module_sources: ['git::https://git.example.com/acme/**'],
      gate: { allow: ['external-data'] },
      limits: { memory_mb: 1, processes: 2, disk_mb: 3, output_mb: 4 },
    };
    expect(settingsOf([entry], 'prod')).toEqual({
      ...usualSettings,
      reads: [{ text: 'network/**', segments: ['network', '**'] }],
      lockFile: 'generated',
      providers: { allow: ['hashicorp/*'], mirror: '/srv/providers' },
      moduleSources: ['git::https://git.example.com/acme/**'],
      gateAllow: ['external-data'],
      memoryMb: 1,
      processes: 2,
      diskMb: 3,
      outputMb: 4,
    });
  });

  test('takes what runs it on AWS, and as whom', () => {
    const secret = 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:scaleway-AbCdEf';
    const role = 'arn:aws:iam::222222222222:role/teams/tf-apply';
    const stacks = [
      { paths: ['**'], worker: 'fargate', plan: { env_secrets: {} } },
      {
        paths: ['prod/**'],
        apply: { role, env_secrets: { TF_VAR_db: { secret, key: 'db' }, SCW_SECRET_KEY: { secret, key: 'scw' } } },
      },
    ];
    expect(settingsOf(stacks, 'prod')).toEqual({
      ...usualSettings,
      worker: 'fargate',
      plan: { envSecrets: [] },
      apply: {
        role,
        envSecrets: [
          { name: 'SCW_SECRET_KEY', secret, key: 'scw' },
          { name: 'TF_VAR_db', secret, key: 'db' },
        ],
      },
    });
  });

  test('fills path and repository into the settings of the backend', () => {
    const config = { bucket: 'state-{repo}', key: '{path}/{path}.tfstate', region: 'eu-west-1' };
    expect(settingsOf([{ paths: ['**'], backend: { type: 's3', config } }], 'prod/a+b')).toMatchObject({
      backend: {
        type: 's3',
        config: { bucket: 'state-infra', key: 'prod/a+b/prod/a+b.tfstate', region: 'eu-west-1' },
      },
    });
  });
});
