import { describe, expect, test } from 'vitest';
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
    expect(settingsOf(undefined, 'prod/vpc')).toEqual({ binary: 'terraform', minutes: 30, planHours: 24 });
  });

  test('takes all entries that match together, and no other', () => {
    const stacks = [
      { paths: ['prod/**'], binary: 'tofu', version: '1.9.0' },
      { paths: ['*/vpc', 'x'], limits: { minutes: 60 } },
      { paths: ['prod/vpc'], limits: { plan_hours: 2 }, binary: 'tofu' },
      { paths: ['staging/**'], binary: 'terragrunt' },
    ];
    expect(settingsOf(stacks, 'prod/vpc')).toEqual({ binary: 'tofu', version: '1.9.0', minutes: 60, planHours: 2 });
    expect(settingsOf(stacks, 'x')).toEqual({ binary: 'terraform', minutes: 60, planHours: 24 });
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
