import { expect, test } from 'vitest';
import { canonicalPath } from '../../policies/path.ts';
import { stateKeys } from '../../policies/state-keys.ts';
import { policyFrom } from '../support/policy.ts';
import { value } from '../support/value.ts';

const { repositories } = policyFrom({
  version: 1,
  repositories: {
    infra: {
      url: '/srv/infra.git',
      rules: [{ name: 'a', allow: ['plan'], refs: ['refs/heads/main'], paths: ['**'] }],
      stacks: [{ paths: ['prod/**'], backend: { type: 's3', config: { bucket: 'states', key: '{path}/s' } } }],
    },
  },
});
const keysOf = (path: string) => {
  const infra = repositories.get('infra');
  if (infra === undefined) throw new Error('it is there');
  return value(stateKeys(repositories, infra, value(canonicalPath(path))));
};

test('are those of the stack, and every bucket that holds states', () => {
  expect(keysOf('prod/vpc')).toEqual({ own: 'states/prod/vpc/s', reads: [], buckets: ['states'] });
});

test('are none of its own for a stack of which nothing says where its state is, and the buckets of others all the same', () => {
  expect(keysOf('dev/vpc')).toEqual({ reads: [], buckets: ['states'] });
});
